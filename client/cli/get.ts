// `pathmesh get`: fetches a reference and puts it where the user wants it.

import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import type { GetResult } from '../get.ts'
import { addCommand, refText, type Enter } from './context.ts'
import { escapeLine } from './escape.ts'
import { formatBytes, formatSeconds, parseDuration } from './units.ts'

interface Flags {
  readonly version?: string
  readonly to?: string
  readonly store?: boolean
  readonly overwrite?: boolean
  readonly timeout?: number
  readonly wait?: number
}

export function addGet(program: Command, enter: Enter): void {
  addCommand(
    program,
    'get <ref>',
    'Fetches a file or directory from whoever has it, checks every byte, and prints where it is. It goes into the working directory under its own name, or to --to: exactly there, or with a slash at the end into that directory. An interrupted transfer goes on where it was: run the same line again.',
    [
      'pathmesh get train/model.bin                 # to ./model.bin',
      'pathmesh get train/checkpoints/last.ckpt --to /models/   # to /models/last.ckpt',
      'pathmesh get train/model.bin --version 3 --to old.bin',
      'pathmesh get train/next.bin --wait 1h        # also if it is published only then',
      'pathmesh get --store datasets/faces          # stays in the store, read-only, for 7 days or more'
    ]
  )
    .option('--version <version>', 'a version: its number, or the CID of its root')
    .addOption(
      new Option('--to <dest>', 'where to put it; with a slash at the end, into that directory').conflicts('store')
    )
    .option('--store', 'leave it in the store, and print the path')
    .option('--overwrite', 'replace what is there')
    .option('--timeout <time>', 'give up after 30s, 5m, 1h… (without it: after 30s without progress)', parseDuration)
    .option('--wait <time>', 'if nobody has published it yet, wait so long for it', parseDuration)
    .action(async (text: string, flags: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      const ref = refText(text, flags.version)
      await context.withMesh(async (mesh, signal) => {
        const path = mesh.path(ref)
        const got = await path.get({
          to: flags.store === true ? undefined : destination(context.io.cwd, flags.to, path.basename),
          cwd: context.io.cwd,
          lease: 'days',
          overwrite: flags.overwrite,
          timeoutMs: flags.timeout,
          waitMs: flags.wait,
          signal,
          onProgress: progress => output.progress(progress, true)
        })
        if (output.json) return await output.value(doneEvent(got))
        output.talk(summary(got))
        // As it is into a pipe: a script uses it as a path.
        await output.data(`${output.stdout.isTTY === true ? escapeLine(got.path) : got.path}\n`)
      })
    })
}

/** The absolute destination: `to`, or `basename` in it when it ends in a slash, or `basename` in the working directory. */
export function destination(cwd: string, to: string | undefined, basename: string): string {
  if (to === undefined) return resolve(cwd, basename)
  return to.endsWith('/') ? resolve(cwd, to, basename) : resolve(cwd, to)
}

function doneEvent({ path, version, bytesFetched, seconds, providers }: GetResult): object {
  const { cid, seq, size } = version
  return { event: 'done', path, cid, seq, size, bytesFetched, seconds, providers }
}

function summary({ version, bytesFetched, seconds, providers }: GetResult): string {
  const size = `${formatBytes(version.size)}${version.seq === null ? '' : `, version ${version.seq}`}`
  if (bytesFetched === 0) return `${size}: was here already`
  const rate = seconds > 0 ? `, ${formatBytes(Math.round(bytesFetched / seconds))}/s` : ''
  const from = providers.map(({ peerId, bytes }) => `${peerId} (${formatBytes(bytes)})`).join(', ')
  return `${size}: fetched ${formatBytes(bytesFetched)} in ${formatSeconds(seconds)}${rate}${from === '' ? '' : ` from ${from}`}`
}
