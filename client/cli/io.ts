// What a command is given of the process it runs in, so that tests run it without one.

import type { Readable, Writable } from 'node:stream'
import type { RunDaemon } from '../../proto/up.ts'

/** A stream that may be a terminal. */
export type Screen = Writable & { readonly isTTY?: boolean; readonly columns?: number }

export interface Io {
  readonly stdin: Readable
  readonly stdout: Screen
  readonly stderr: Screen
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Runs the daemon in this process: the daemon's own code, which the client does not know. */
  readonly runDaemon: RunDaemon
  /** Program and first arguments that start this command anew. */
  readonly self: readonly [string, ...string[]]
  /** Aborted by Ctrl-C. Asked for only by commands that do not handle it themselves. */
  readonly interrupted: () => AbortSignal
}
