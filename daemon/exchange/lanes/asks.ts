// Questions to the other thread and what it answered.

import type { PathmeshError } from '../../../proto/errors.ts'
import { fromFault, type ThreadAnswer } from './messages.ts'

interface Waiting<Value> {
  readonly resolve: (value: Value) => void
  readonly reject: (error: PathmeshError) => void
}

export class Asks<Value> {
  readonly #waiting = new Map<number, Waiting<Value>>()
  #next = 1
  #over: PathmeshError | undefined

  /** Sends a question under a number of its own; settles with the answer. */
  ask(send: (ask: number) => void): Promise<Value> {
    if (this.#over !== undefined) return Promise.reject(this.#over)
    const ask = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(ask, { resolve, reject })
      send(ask)
    })
  }

  answered(message: ThreadAnswer<Value>): void {
    const waiting = this.#waiting.get(message.ask)
    this.#waiting.delete(message.ask)
    if (message.type === 'answer') waiting?.resolve(message.value)
    else waiting?.reject(fromFault(message.fault))
  }

  /** The other thread is gone. */
  fail(error: PathmeshError): void {
    this.#over = error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
