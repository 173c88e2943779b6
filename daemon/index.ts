// `pathmesh/daemon`: a daemon inside another program.

import './polyfill.ts'
import type { UpFlags } from '../proto/up.ts'
import { readConfig } from './config.ts'
import { type RunningDaemon, startDaemon } from './daemon.ts'
import { createLog, type Log } from './log.ts'

export type { RunningDaemon } from './daemon.ts'
export type { Log } from './log.ts'
export type { UpFlags } from '../proto/up.ts'

/** Starts a daemon in this process. It logs to stderr unless given a log. Errors: see `startDaemon` of daemon.ts. */
export async function createDaemon(flags: UpFlags = {}, options: { readonly log?: Log } = {}): Promise<RunningDaemon> {
  const config = await readConfig(flags, process.env, process.cwd())
  const log = options.log ?? createLog(line => process.stderr.write(line), config.log)
  return startDaemon(config, { log, ...(flags.join === undefined ? {} : { join: flags.join }) })
}
