// A daemon as a process: signals, its log on stderr, and its exit status.

import './polyfill.ts'
import type { RunDaemon } from '../proto/up.ts'
import { systemClock } from './clock.ts'
import { readConfig } from './config.ts'
import { startDaemon } from './daemon.ts'
import { createLog } from './log.ts'
import { boundHeap, collectAtRest, garbageCollector } from './memory.ts'

/** Until what was said last is out. */
const EXIT_MS = 100

/** Runs until SIGINT, SIGTERM or a request to stop. A second signal ends it at once. */
export const runDaemon: RunDaemon = async (flags, onReady) => {
  boundHeap()
  const config = await readConfig(flags, process.env, process.cwd())
  const log = createLog(line => process.stderr.write(line), config.log)
  process.on('unhandledRejection', error => log.error('unhandled rejection', { error }))
  process.on('uncaughtException', error => log.error('uncaught exception', { error, stack: error.stack }))
  const daemon = await startDaemon(config, { log, ...(flags.join === undefined ? {} : { join: flags.join }) })
  let signals = 0
  const onSignal = () => {
    if (signals++ > 0) process.exit(130)
    daemon.stop().catch((error: unknown) => log.error('stopping failed', { error }))
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  onReady(daemon.ready)
  const usage = () => process.cpuUsage()
  const leave = collectAtRest({ clock: systemClock, usage, collect: garbageCollector() })
  await daemon.stopped
  leave()
  process.off('SIGINT', onSignal)
  process.off('SIGTERM', onSignal)
  // All is closed; a timer that libp2p leaves behind would hold the process for a second.
  systemClock.after(EXIT_MS, () => process.exit(0))
  return 0
}
