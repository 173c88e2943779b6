// How names lie in each other: `a/b/c` lies in `a/b`, and a name has two segments at least.

import { NAME_BYTES_MAX, RESOLVE_SEGMENTS_MAX } from '../../proto/limits.ts'

/** Names that `path` may lie in, the longest first. */
export function namesAbove(path: string): string[] {
  const segments = path.split('/')
  const names: string[] = []
  for (let count = Math.min(segments.length - 1, RESOLVE_SEGMENTS_MAX); count >= 2; count--) {
    names.push(segments.slice(0, count).join('/'))
  }
  return names.filter(name => Buffer.byteLength(name) <= NAME_BYTES_MAX)
}

/** Whether `path` is the name, or lies in it. */
export const isAtOrIn = (path: string, name: string): boolean => path === name || path.startsWith(`${name}/`)
