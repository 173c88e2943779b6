// `pathmesh share`: publishes a file or directory from where it lies, once or whenever it changes.

import { resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Meta } from '../../proto/api.ts'
import type { Mesh } from '../mesh.ts'
import { addCommand, repeated, type Enter } from './context.ts'
import { sayFolderEvent } from './folder-text.ts'
import type { Output } from './output.ts'
import { formatBytes, parseDuration, parseFileName, parseKeep, parseMeta } from './units.ts'

interface Flags {
  readonly as?: string
  readonly exclude?: readonly string[]
  readonly dereference?: boolean
  readonly hash?: 'blake3' | 'sha2-256'
  readonly meta?: Meta
  readonly keep?: number
  readonly watch?: boolean
  readonly settle?: number
  readonly marker?: string
}

export function addShare(program: Command, enter: Enter): void {
  addCommand(
    program,
    'share <path>',
    'Publishes a file or directory under a name, and prints its URL. It is served from where it lies: nothing is copied, so keep it there. Sharing it again after a change makes a new version; unchanged, none. With --watch it stays, and publishes each change once nothing has changed for a while: best effort by nature, since nobody knows whether a writer only pauses.',
    [
      'pathmesh share model.bin                    # as <this node>/model.bin',
      'pathmesh share model.bin --as train/model.bin --meta \'{"epoch":3}\'',
      "pathmesh share data --as datasets/faces --exclude '**/*.tmp'",
      'pathmesh share checkpoints --as train/checkpoints --watch --settle 10s',
      'pathmesh share out --as etl/out --watch --marker _SUCCESS'
    ]
  )
    .option('--as <name>', 'the name to publish under, WORK/PATH')
    .option('--exclude <glob>', 'leave these out of a directory; may be given again', repeated)
    .option('--dereference', 'publish what symbolic links point to, in their place')
    .addOption(
      new Option('--hash <name>', 'blake3 (default) or sha2-256, for the same CIDs as other IPFS tools')
        .argParser(parseHash)
        .conflicts('watch')
    )
    .addOption(
      new Option('--meta <json>', 'a JSON object that goes with this version').argParser(parseMeta).conflicts('watch')
    )
    .option(
      '--keep <n>',
      "versions to keep, this one included, 0 for none: shared with the file where the file system can, else as copies. Without it 2, as copies only in a work's folder",
      parseKeep
    )
    .option('--watch', 'stay, and publish what changes as it settles, until Ctrl-C')
    .option('--settle <time>', 'with --watch: how long nothing changes before it is published (5s)', parseDuration)
    .option('--marker <name>', 'with --watch: publish when a file of this name appears', parseFileName)
    .action(async (path: string, flags: Flags, command: Command) => {
      const { watch, settle, marker } = flags
      if (watch !== true && (settle !== undefined || marker !== undefined))
        command.error(`error: ${settle === undefined ? '--marker' : '--settle'} goes with --watch only`)
      const context = enter(command)
      const local = resolve(context.io.cwd, path)
      await context.withMesh(async (mesh, signal) => {
        const share = watch === true ? shareOnChange : shareOnce
        await share(mesh, local, flags, context.output, signal)
      })
    })
}

async function shareOnce(mesh: Mesh, local: string, flags: Flags, output: Output, signal: AbortSignal): Promise<void> {
  const { as, exclude, dereference, hash, meta, keep } = flags
  const onProgress = (progress: Parameters<Output['progress']>[0]) => output.progress(progress, false)
  const shared = await mesh.share(local, { as, exclude, dereference, hash, meta, keep, signal, onProgress })
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
}

async function shareOnChange(
  mesh: Mesh,
  local: string,
  { as, exclude, dereference, keep, settle: settleMs, marker }: Flags,
  output: Output,
  signal: AbortSignal
): Promise<void> {
  const options = { as, exclude, dereference, keep, settleMs, marker, signal }
  for await (const event of mesh.shareWatch(local, options)) await sayFolderEvent(output, event)
}

function parseHash(text: string): 'blake3' | 'sha2-256' {
  if (text === 'blake3' || text === 'sha2-256') return text
  throw new InvalidArgumentError('It is blake3 or sha2-256.')
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
