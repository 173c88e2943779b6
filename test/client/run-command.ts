// Runs the command in this process, against a daemon whose folder is given.

import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { run } from '../../client/cli/main.ts'
import type { UpFlags } from '../../proto/up.ts'
import { PEER } from './fake-daemon.ts'

export interface Ran {
  readonly status: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly terminal?: boolean
  readonly signal?: AbortSignal
  /** Called with each piece of stdout as it comes. */
  readonly onOut?: (piece: string) => void
  /** Called with what `up` hands to the daemon. */
  readonly onUp?: (flags: UpFlags) => void
  /** Of the terminal. */
  readonly columns?: number
}

export async function runCommand(folder: string, argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const stdout = new PassThrough()
  const stderr = Object.assign(new PassThrough(), { isTTY: options.terminal === true, columns: options.columns ?? 60 })
  const outputs = Promise.all([text(stdout), text(stderr)])
  if (options.onOut !== undefined) stdout.on('data', piece => options.onOut?.(String(piece)))
  const status = await run(argv, {
    stdin: Readable.from(['invite\n']),
    stdout,
    stderr,
    env: { PATHMESH_DATA: folder },
    cwd: folder,
    runDaemon: async (flags, onReady) => {
      options.onUp?.(flags)
      const { join: invite, listen } = flags
      const name = `${invite ?? ''} ${listen?.join(',') ?? ''}`
      onReady({ event: 'ready', peerId: PEER, name, meshId: 'm', created: true, addresses: [], socket: '/s' })
      return 7
    },
    self: ['false'],
    interrupted: () => options.signal ?? new AbortController().signal
  })
  stdout.end()
  stderr.end()
  const [out, err] = await outputs
  return { status, out, err }
}

/** The JSON values in `out`, one a line. */
export function values(out: string): unknown[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
}
