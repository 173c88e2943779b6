// What a watch leaves out, wherever it lies: files that are being written, editors' temporaries, and what the caller excludes.
// Refuses to leave out anything else that is hidden: hidden files are content.

import picomatch from 'picomatch'

/**
 * Globs of files that exist only while another is written: by the client's own writer, Vim, Emacs, GLib, Kate, LibreOffice, and
 * files that a network file system keeps for those who have them open. What is published must leave out the same.
 */
export const TEMPORARY_GLOBS: readonly string[] = [
  '.pathmesh-*.tmp',
  '.*.sw[a-z]',
  '.*.sw[a-z]x',
  '.#*',
  '.goutputstream-*',
  '.*.kate-swp',
  '.~lock.*#',
  '.nfs*',
  '.fuse_hidden*'
]

/** Whether a relative path, or a directory it lies in, matches one of the globs; they mean what they mean to `scan`. */
export function ignoring(globs: readonly string[]): (path: string) => boolean {
  const matchers = globs.map(glob => picomatch(glob, { dot: true, basename: !glob.includes('/') }))
  return path => {
    for (let end = path.indexOf('/'); ; end = path.indexOf('/', end + 1)) {
      const beginning = end < 0 ? path : path.slice(0, end)
      if (matchers.some(matches => matches(beginning))) return true
      if (end < 0) return false
    }
  }
}
