// `pathmesh share`: publishes a file or directory from where it lies.

import { resolve } from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import { addCommand, repeated, type Enter } from './context.ts'
import { formatBytes } from './units.ts'

interface Flags {
  readonly as?: string
  readonly exclude?: readonly string[]
  readonly dereference?: boolean
  readonly hash?: 'blake3' | 'sha2-256'
}

export function addShare(program: Command, enter: Enter): void {
  addCommand(
    program,
    'share <path>',
    'Publishes a file or directory under a name, and prints its URL. It is served from where it lies: nothing is copied, so keep it there. Sharing it again after a change makes a new version; unchanged, none.',
    [
      'pathmesh share model.bin                    # as <this node>/model.bin',
      'pathmesh share model.bin --as train/model.bin',
      "pathmesh share data --as datasets/faces --exclude '**/*.tmp'"
    ]
  )
    .option('--as <name>', 'the name to publish under, WORK/PATH')
    .option('--exclude <glob>', 'leave these out of a directory; may be given again', repeated)
    .option('--dereference', 'publish what symbolic links point to, in their place')
    .option('--hash <name>', 'blake3 (default) or sha2-256, for the same CIDs as other IPFS tools', parseHash)
    .action(async (path: string, flags: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      await context.withMesh(async (mesh, signal) => {
        const shared = await mesh.share(resolve(context.io.cwd, path), {
          ...flags,
          signal,
          onProgress: progress => output.progress(progress, false)
        })
        const { cid, kind, size, seq, origin, kept, copies, unchanged } = shared
        const url = shared.path.toString()
        if (output.json) return await output.value({ url, cid, kind, size, seq, origin, kept, copies })
        output.talk(
          `${unchanged ? 'unchanged' : 'shared'}: ${kind}, ${formatBytes(size)}, version ${seq}, ${copies === 1 ? 'the only copy' : `${copies} copies`}`
        )
        output.talk(`content: ipfs://${cid}`)
        if (!kept) output.talk('this version lasts as long as the file stays as it is')
        output.talk(`to fetch it on another machine: pathmesh get ${shellWord(url)}`)
        await output.data(`${url}\n`)
      })
    })
}

function parseHash(text: string): Flags['hash'] {
  if (text === 'blake3' || text === 'sha2-256') return text
  throw new InvalidArgumentError('It is blake3 or sha2-256.')
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
