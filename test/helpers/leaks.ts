// What a spec leaves behind fails it: a socket, a process, a watch that was not there before its first test. Each file is looked
// at on its own when files run in parallel, and all of them together when they do not. Timers are left out: libp2p and deadlines
// let theirs run out.

import type { Context } from 'mocha'
import { until } from './until.ts'

/** Threads that idle, and sockets that close, need a moment. */
const LEAK_MS = 10_000

let before = new Map<string, number>()
let file = ''

function open(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

const leaked = (): string[] =>
  [...open()]
    .filter(([kind, count]) => kind !== 'Immediate' && kind !== 'Timeout' && count > (before.get(kind) ?? 0))
    .map(([kind]) => kind)

export const mochaHooks = {
  beforeAll(): void {
    before = open()
  },
  beforeEach(this: Context): void {
    file = this.currentTest?.file ?? file
  },
  async afterAll(this: Context): Promise<void> {
    this.timeout(2 * LEAK_MS)
    await until('nothing is left open', () => leaked().length === 0, LEAK_MS).catch((error: unknown) => {
      throw new Error(`still open after the last test of ${file}: ${leaked().join(', ')}`, { cause: error })
    })
  }
}
