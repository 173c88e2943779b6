// The command in a process of its own: real streams, Ctrl-C, and the exit status. The one place that touches `process`.

import { errno } from '../../proto/errors.ts'
import type { RunDaemon } from '../../proto/up.ts'
import { STOP_MS } from '../../proto/limits.ts'
import { run } from './main.ts'

/** Runs the command of this process and sets its exit status. */
export async function runProcess(runDaemon: RunDaemon): Promise<void> {
  // A reader that hangs up (`--help | head`) is no fault; what has still to be done then is up to the command.
  process.stdout.on('error', error => {
    if (errno(error) !== 'EPIPE') throw error
  })
  const status = await run(process.argv.slice(2), {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    runDaemon,
    self: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
    interrupted
  })
  process.exitCode = status
  // What a command leaves open must not keep it from ending.
  setTimeout(() => process.exit(), STOP_MS).unref()
}

/** The first Ctrl-C (or SIGTERM) aborts; a second one ends the process as ever. */
function interrupted(): AbortSignal {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => abort.abort(new DOMException(`stopped by ${signal}`, 'AbortError')))
  }
  return abort.signal
}
