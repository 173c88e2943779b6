#!/usr/bin/env node
// The `pathmesh` command. The daemon's code is loaded by `up` alone, so that every other command starts fast.

import { runProcess } from './client/cli/process.ts'

await runProcess(async (flags, onReady) => {
  const { runDaemon } = await import('./daemon/main.ts')
  return await runDaemon(flags, onReady)
})
