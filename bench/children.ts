// Processes that a bench starts and that must not outlive it: ended in order, and by force where that takes too long.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** What a process has to end by itself. */
const END_MS = 10_000

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** The same process, which is killed when this one ends before it. */
export function watched<Child extends ChildProcess>(child: Child): Child {
  running.add(child)
  // One that could not be started says so by this alone.
  child.once('error', () => running.delete(child))
  child.once('exit', () => running.delete(child))
  return child
}

/** Ends a process; resolves once it has ended. */
export async function endChild(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exit = once(child, 'exit')
  child.kill(signal)
  const late = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await exit
  clearTimeout(late)
}
