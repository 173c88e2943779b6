// One worker thread as the main thread sees it. When it crashes, everybody who waits for it is told.

import { Worker } from 'node:worker_threads'
import { PathmeshError } from '../../../proto/errors.ts'
import { Asks } from './asks.ts'
import type { FromThread, LaneFacts, LaneKey, LaneListen, ThreadWaits, ToThread } from './messages.ts'

export interface LaneThreadParts {
  readonly waits: ThreadWaits
  readonly onMessage: (message: FromThread) => void
  /** Told once; undefined where it was closed. */
  readonly onEnd: (crash: Error | undefined) => void
}

export class LaneThread {
  readonly #worker: Worker
  readonly #asks = new Asks<number>()
  #isClosing = false

  constructor({ waits, onMessage, onEnd }: LaneThreadParts) {
    this.#worker = new Worker(new URL('./lane-worker.js', import.meta.url), {
      workerData: waits,
      // It holds blocks outside of its heap.
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }
    })
    let crash: Error | undefined
    this.#worker.on('error', error => (crash = error instanceof Error ? error : new Error(String(error))))
    this.#worker.on('message', (message: FromThread) => {
      if (message.type === 'answer' || message.type === 'refusal') this.#asks.answered(message)
      else onMessage(message)
    })
    this.#worker.once('exit', code => {
      const fault = this.#isClosing ? undefined : (crash ?? new Error(`a thread ended with ${code}`))
      this.#asks.fail(new PathmeshError('IO', 'a thread that holds lanes ended', { cause: fault }))
      onEnd(fault)
    })
  }

  post(message: ToThread): void {
    this.#worker.postMessage(message, [])
  }

  /** The port. */
  listen(listen: LaneListen): Promise<number> {
    return this.#asks.ask(ask => this.post({ type: 'listen', ask, listen }))
  }

  /** Resolves when a connection with this key would be let in. */
  async expect(facts: LaneFacts, key: LaneKey, ms: number): Promise<void> {
    await this.#asks.ask(ask => this.post({ type: 'expect', ask, facts, key, ms }))
  }

  async close(): Promise<void> {
    this.#isClosing = true
    await this.#worker.terminate()
  }
}
