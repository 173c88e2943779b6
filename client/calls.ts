// The daemon's routes as functions: what goes in and out is typed and checked, references are printed canonically. Holds the
// transport and the session; knows nothing of Path or Mesh.

import type * as Api from '../proto/api.ts'
import { PathmeshError } from '../proto/errors.ts'
import { API_PROBE_MS, HEARTBEAT_MS } from '../proto/limits.ts'
import { formatRef, type Ref } from '../proto/ref.ts'
import { ROUTES, type Route } from '../proto/routes.ts'
import * as answers from './answers.ts'
import { Session } from './session.ts'
import type { Read } from './shape.ts'
import type { Transport } from './transport.ts'

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface WaitOptions extends CallOptions {
  /** Called some ten times a second while bytes move. */
  readonly onProgress?: ((progress: Api.Progress) => void) | undefined
}

export interface RangeOptions extends CallOptions {
  /** First and last byte, counted from 0. */
  readonly start?: number | undefined
  readonly end?: number | undefined
}

/** Where `exists` looks. */
export type Where = 'anywhere' | 'local' | 'remote'

export class Calls {
  readonly transport: Transport
  readonly session: Session

  constructor(transport: Transport) {
    this.transport = transport
    this.session = new Session(transport)
  }

  async status({ signal }: CallOptions = {}): Promise<Api.Status> {
    return answers.status(await this.transport.json(ROUTES.status, { signal, silenceMs: API_PROBE_MS }), 'the status')
  }

  async shutdown({ signal }: CallOptions = {}): Promise<void> {
    await this.transport.json(ROUTES.shutdown, { signal })
  }

  async invite({ signal }: CallOptions = {}): Promise<Api.Invite> {
    return answers.invite(await this.transport.json(ROUTES.invite, { signal }), 'the invite')
  }

  peers({ signal }: CallOptions = {}): AsyncGenerator<Api.Peer> {
    return this.#list(ROUTES.peers, answers.peer, {}, signal)
  }

  names(prefix: string | undefined, { signal }: CallOptions = {}): AsyncGenerator<Api.Name> {
    return this.#list(ROUTES.names, answers.name, { prefix }, signal)
  }

  list(ref: Ref, { signal }: CallOptions = {}): AsyncGenerator<Api.Entry> {
    return this.#list(ROUTES.list, answers.entry, { ref: formatRef(ref) }, signal)
  }

  async stat(ref: Ref, { signal }: CallOptions = {}): Promise<Api.Stat> {
    return answers.stat(await this.transport.json(ROUTES.stat, { query: { ref: formatRef(ref) }, signal }), 'the stat')
  }

  async exists(ref: Ref, where: Where, { signal }: CallOptions = {}): Promise<boolean> {
    const query = { ref: formatRef(ref), where }
    return answers.exists(await this.transport.json(ROUTES.exists, { query, signal }), 'the answer').exists
  }

  async share(body: Api.ShareRequest, { signal, onProgress }: WaitOptions = {}): Promise<Api.ShareDone> {
    return await this.#untilDone(ROUTES.share, body, answers.shareEvent, signal, onProgress)
  }

  async get(body: Api.GetRequest, { signal, onProgress }: WaitOptions = {}): Promise<Api.Got> {
    return await this.#untilDone(ROUTES.get, body, answers.getEvent, signal, onProgress, body.timeoutMs)
  }

  async release(lease: string): Promise<void> {
    await this.transport.json(ROUTES.release, { body: { lease } })
  }

  async unshare(ref: Ref, { signal }: CallOptions = {}): Promise<Api.Unshared> {
    return answers.unshared(
      await this.transport.json(ROUTES.unshare, { body: { ref: formatRef(ref) }, signal }),
      'the answer'
    )
  }

  async drop(ref: Ref, { signal }: CallOptions = {}): Promise<Api.Dropped> {
    return answers.dropped(
      await this.transport.json(ROUTES.drop, { body: { ref: formatRef(ref) }, signal }),
      'the answer'
    )
  }

  async work(name: string, { signal }: CallOptions = {}): Promise<Api.WorkFolder> {
    return answers.workFolder(await this.transport.json(ROUTES.work, { body: { name }, signal }), 'the work')
  }

  /** Yields the bytes from `start` to `end`, both included; nothing where the content is shorter. */
  async *content(ref: Ref, { start, end, signal }: RangeOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    const whole = (start ?? 0) === 0 && end === undefined
    const headers: Record<string, string> = whole ? {} : { range: `bytes=${start ?? 0}-${end ?? ''}` }
    const query = { ref: formatRef(ref) }
    const response = await this.transport.open(ROUTES.content, { query, headers, signal, alsoStatus: 416 })
    if (response.statusCode === 416) {
      response.destroy()
      return
    }
    if (!whole && response.statusCode !== 206) {
      response.destroy()
      throw new PathmeshError('INCOMPATIBLE', 'the daemon answered a range with the whole: upgrade it')
    }
    yield* this.transport.bytes(response, { signal })
  }

  close(): void {
    this.session.close()
    this.transport.close()
  }

  async *#list<T>(
    route: Route,
    read: Read<T>,
    query: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal | undefined
  ): AsyncGenerator<T, void, undefined> {
    for await (const line of this.transport.lines(route, { query, signal })) {
      if ('event' in line && line.event === 'error')
        throw PathmeshError.fromProblem('error' in line ? line.error : undefined)
      yield read(line, 'a line of the answer')
    }
  }

  async #untilDone<D extends { event: 'done' }>(
    route: Route,
    body: unknown,
    read: Read<Api.Progress | D>,
    signal: AbortSignal | undefined,
    onProgress: WaitOptions['onProgress'],
    timeoutMs?: number
  ): Promise<D> {
    const silenceMs = timeoutMs === undefined ? undefined : Math.min(3 * HEARTBEAT_MS, timeoutMs + HEARTBEAT_MS)
    for await (const line of this.transport.lines(route, { body, signal, silenceMs })) {
      const event = read(line, 'an event')
      if (event.event === 'done') return event
      onProgress?.(event)
    }
    throw new PathmeshError(
      'DAEMON_UNREACHABLE',
      'the daemon ended its answer before the call was done: it is stopping'
    )
  }
}
