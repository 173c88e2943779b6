// `pathmesh down`: stops the daemon, and waits until it is gone.

import { setTimeout as wait } from 'node:timers/promises'
import type { Command } from 'commander'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { STOP_MS } from '../../proto/limits.ts'
import type { Mesh } from '../mesh.ts'
import { addCommand, type Enter } from './context.ts'

const POLL_MS = 20

export function addDown(program: Command, enter: Enter): void {
  addCommand(
    program,
    'down',
    'Stops the daemon and waits until it is gone. Unfinished transfers go on after the next start. Exits with 4 when none runs.',
    ['pathmesh down']
  ).action(async (_options: unknown, command: Command) => {
    const context = enter(command)
    await context.withMesh(async (mesh, signal) => {
      await mesh.shutdown({ signal })
      await untilGone(mesh, signal)
      if (context.output.json) await context.output.value({ stopped: true })
      else context.output.talk('stopped')
    })
  })
}

async function untilGone(mesh: Mesh, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + 2 * STOP_MS
  while (performance.now() < deadline) {
    try {
      await mesh.status({ signal })
    } catch (error) {
      if (hasCode(error, 'DAEMON_UNREACHABLE')) return
      throw error
    }
    await wait(POLL_MS, undefined, { signal })
  }
  throw new PathmeshError('TIMEOUT', `the daemon agreed to stop, but still answers after ${2 * STOP_MS} ms`)
}
