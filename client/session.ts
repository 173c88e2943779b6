// The session that a mesh holds open while it has paths out on lease: when its connection ends, with the program, so do the
// leases. Opened at the first need, opened anew after the daemon was restarted; never keeps the program running.

import type { IncomingMessage } from 'node:http'
import { PathmeshError } from '../proto/errors.ts'
import { API_ANSWER_MS } from '../proto/limits.ts'
import { ROUTES } from '../proto/routes.ts'
import * as answers from './answers.ts'
import { parseLines } from './ndjson.ts'
import type { Transport } from './transport.ts'

interface Held {
  readonly id: Promise<string>
  readonly abort: AbortController
}

export class Session {
  readonly #transport: Transport
  #held: Held | undefined

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** The session's id, to be sent as `lease`. */
  async id(): Promise<string> {
    this.#held ??= this.#open()
    return await this.#held.id
  }

  close(): void {
    this.#held?.abort.abort()
    this.#held = undefined
  }

  #open(): Held {
    const abort = new AbortController()
    const forget = () => {
      if (this.#held?.abort === abort) this.#held = undefined
    }
    return { id: hold(this.#transport, abort.signal, forget), abort }
  }
}

async function hold(transport: Transport, signal: AbortSignal, ended: () => void): Promise<string> {
  try {
    const response = await transport.open(ROUTES.session, { signal })
    response.once('close', ended)
    signal.addEventListener('abort', () => response.destroy(), { once: true })
    const lines = parseLines(response)
    const id = await firstLine(response, lines)
    response.socket.unref()
    void drain(response, lines)
    return id
  } catch (error) {
    ended()
    throw error
  }
}

async function firstLine(response: IncomingMessage, lines: AsyncGenerator<object>): Promise<string> {
  const timer = setTimeout(
    () => response.destroy(new PathmeshError('TIMEOUT', 'the daemon did not name the session')),
    API_ANSWER_MS
  )
  try {
    const first = await lines.next()
    if (first.done === true) throw new PathmeshError('INTERNAL', 'the daemon ended a session without naming it')
    return answers.session(first.value, 'the session').session
  } finally {
    clearTimeout(timer)
  }
}

// Heartbeats are read so that the connection does not fill up. However it ends, 'close' says so.
async function drain(response: IncomingMessage, lines: AsyncGenerator<object>): Promise<void> {
  try {
    for await (const _ of lines) continue
  } catch {
    response.destroy()
  }
}
