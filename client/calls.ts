// The daemon's routes as functions: what goes in and out is typed and checked, references are printed canonically. Holds the
// transport and the session; knows nothing of Path or Mesh.

import type * as Api from '../proto/api.ts'
import type * as NodeApi from '../proto/node-api.ts'
import type * as WhyApi from '../proto/why-api.ts'
import type * as WorksApi from '../proto/works-api.ts'
import { hasCode, PathmeshError } from '../proto/errors.ts'
import {
  API_PROBE_MS,
  CALL_ANSWER_MS,
  CALL_EVENTS_MS,
  CLIENT_GETS,
  CLIENT_PUTS,
  HEARTBEAT_MS
} from '../proto/limits.ts'
import { formatRef, type Ref } from '../proto/ref.ts'
import { ROUTES, type Route } from '../proto/routes.ts'
import * as answers from './answers.ts'
import type { Pieces } from './codecs/codec.ts'
import * as nodeAnswers from './node-answers.ts'
import { Session } from './session.ts'
import type { Read } from './shape.ts'
import type { FolderEvent } from './share-watch.ts'
import type { Call, Transport } from './transport.ts'
import { Turns } from './turns.ts'
import * as workAnswers from './work-answers.ts'

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
  readonly #puts = new Turns(CLIENT_PUTS)
  readonly #gets = new Turns(CLIENT_GETS)
  /** Leases on their way back. */
  readonly #givingBack = new Set<Promise<void>>()

  constructor(transport: Transport) {
    this.transport = transport
    this.session = new Session(transport)
  }

  async status({ signal }: CallOptions = {}): Promise<NodeApi.Status> {
    return nodeAnswers.status(
      await this.transport.json(ROUTES.status, { signal, silenceMs: API_PROBE_MS }),
      'the status'
    )
  }

  async shutdown({ signal }: CallOptions = {}): Promise<void> {
    await this.transport.json(ROUTES.shutdown, { signal })
  }

  async invite({ signal }: CallOptions = {}): Promise<NodeApi.Invite> {
    return nodeAnswers.invite(await this.transport.json(ROUTES.invite, { signal }), 'the invite')
  }

  peers({ signal }: CallOptions = {}): AsyncGenerator<NodeApi.Peer> {
    return this.#list(ROUTES.peers, nodeAnswers.peer, { signal })
  }

  async limits({ signal }: CallOptions = {}): Promise<NodeApi.Limits> {
    return nodeAnswers.limits(await this.transport.json(ROUTES.limits, { signal }), 'the limits')
  }

  /** Changes what is given; resolves to what holds then. */
  async setLimits(body: NodeApi.LimitsChange, { signal }: CallOptions = {}): Promise<NodeApi.Limits> {
    return nodeAnswers.limits(await this.transport.json(ROUTES.setLimits, { body, signal }), 'the limits')
  }

  /** What is being fetched now. */
  transfers({ signal }: CallOptions = {}): AsyncGenerator<NodeApi.TransferEvent> {
    return this.#list(ROUTES.transfers, nodeAnswers.transferEvent, { signal })
  }

  /** The same, and then what changes. Has no end but a failure. */
  async *followTransfers({ signal }: CallOptions = {}): AsyncGenerator<NodeApi.TransferEvent, never, undefined> {
    yield* this.#list(ROUTES.transfers, nodeAnswers.transferEvent, { query: { follow: '1' }, signal })
    throw endedEarly()
  }

  /** What is known of a reference or a node, as text. */
  async why(query: WhyApi.WhyQuery, { signal }: CallOptions = {}): Promise<WhyApi.Why> {
    return nodeAnswers.why(await this.transport.json(ROUTES.why, { query, signal }), 'the answer')
  }

  names(query: Api.NamesQuery, { signal }: CallOptions = {}): AsyncGenerator<Api.Name> {
    return this.#list(ROUTES.names, answers.name, { query, signal })
  }

  works({ signal }: CallOptions = {}): AsyncGenerator<WorksApi.WorkLine> {
    return this.#list(ROUTES.works, workAnswers.workLine, { signal })
  }

  list(ref: Ref, { signal }: CallOptions = {}): AsyncGenerator<Api.Entry> {
    return this.#list(ROUTES.list, answers.entry, { query: { ref: formatRef(ref) }, signal })
  }

  /** What became of a name, newest first. */
  history(ref: Ref, { signal }: CallOptions = {}): AsyncGenerator<Api.Change> {
    return this.#list(ROUTES.history, answers.change, { query: { ref: formatRef(ref) }, signal })
  }

  providers(ref: Ref, { signal }: CallOptions = {}): AsyncGenerator<Api.ProviderLine> {
    return this.#list(ROUTES.providers, answers.providerLine, { query: { ref: formatRef(ref) }, signal })
  }

  /** Changes as they come, `watching` before them. Has no end but a failure. */
  async *watch(query: Api.WatchQuery, { signal }: CallOptions = {}): AsyncGenerator<Api.WatchEvent, never, undefined> {
    yield* this.#list(ROUTES.watch, answers.watchEvent, { query, signal })
    throw endedEarly()
  }

  /** Publishes what changes in a folder, and says so, until it is left. Has no end but a failure. */
  async *shareWatch(
    body: Api.ShareWatchRequest,
    { signal }: CallOptions = {}
  ): AsyncGenerator<FolderEvent, never, undefined> {
    yield* this.#list(ROUTES.shareWatch, answers.folderEvent, { body, signal })
    throw endedEarly()
  }

  async alias(body: Api.AliasRequest, { signal }: CallOptions = {}): Promise<Api.Shared> {
    return answers.shared(await this.transport.json(ROUTES.alias, { body, signal }), 'the alias')
  }

  async stat(ref: Ref, { signal }: CallOptions = {}): Promise<Api.Stat> {
    return answers.stat(await this.transport.json(ROUTES.stat, { query: { ref: formatRef(ref) }, signal }), 'the stat')
  }

  async exists(ref: Ref, where: Where, { signal }: CallOptions = {}): Promise<boolean> {
    const query = { ref: formatRef(ref), where }
    return answers.exists(await this.transport.json(ROUTES.exists, { query, signal }), 'the answer').exists
  }

  async share(body: Api.ShareRequest, { signal, onProgress }: WaitOptions = {}): Promise<Api.ShareDone> {
    return await this.#untilDone(ROUTES.share, { body, signal }, answers.shareEvent, onProgress)
  }

  async get(body: Api.GetRequest, { signal, onProgress }: WaitOptions = {}): Promise<Api.Got> {
    const call = { body, signal, timeoutMs: body.timeoutMs }
    return await this.#leased(body, () => this.#untilDone(ROUTES.get, call, answers.getEvent, onProgress))
  }

  /** As `get`; small content comes with the answer. */
  async getInline(body: Api.GetRequest, { signal, onProgress }: WaitOptions = {}): Promise<Api.Got | Api.GotBytes> {
    const call = { body: { ...body, inline: true }, signal, timeoutMs: body.timeoutMs }
    const run = () => this.#leased(body, () => this.#untilDone(ROUTES.get, call, answers.getInlineEvent, onProgress))
    // What waits for a name may wait for what this program has still to put.
    return await (body.waitMs === undefined ? this.#gets.run(run, signal) : run())
  }

  /** Publishes encoded bytes. */
  async put(query: Api.PutQuery, content: Pieces, { signal, onProgress }: WaitOptions = {}): Promise<Api.Put> {
    const call = { query, content, signal }
    return await this.#puts.run(() => this.#untilDone(ROUTES.put, call, answers.putEvent, onProgress), signal)
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
    await Promise.all(this.#givingBack)
    return answers.dropped(
      await this.transport.json(ROUTES.drop, { body: { ref: formatRef(ref) }, signal }),
      'the answer'
    )
  }

  /** The folder of a work of the local node, which claims the work. */
  async work(body: WorksApi.WorkRequest, { signal }: CallOptions = {}): Promise<WorksApi.WorkFolder> {
    return workAnswers.workFolder(await this.transport.json(ROUTES.work, { body, signal }), 'the work')
  }

  /** Starts a call of a Work; with an id that is known already, nothing. */
  async call(body: WorksApi.CallRequest, { signal }: CallOptions = {}): Promise<WorksApi.Called> {
    const silenceMs = 2 * CALL_ANSWER_MS
    return workAnswers.called(await this.transport.json(ROUTES.call, { body, signal, silenceMs }), 'the call')
  }

  /** What became of a call since `after`; waits for CALL_EVENTS_MS where nothing did. */
  async callEvents(query: WorksApi.CallEventsQuery, { signal }: CallOptions = {}): Promise<WorksApi.CallEvents> {
    const silenceMs = CALL_EVENTS_MS + 2 * CALL_ANSWER_MS
    const answer = await this.transport.json(ROUTES.callEvents, { query: { ...query }, signal, silenceMs })
    return workAnswers.callEvents(answer, 'the events of the call')
  }

  /** Tells whoever runs a call to end it; its outcome says when it has. */
  async cancelCall(body: WorksApi.CancelRequest, { signal }: CallOptions = {}): Promise<void> {
    await this.transport.json(ROUTES.cancelCall, { body, signal, silenceMs: 2 * CALL_ANSWER_MS })
  }

  /** Tells the daemon of a call that this program runs. An outcome is durable when this resolves. */
  async report(body: WorksApi.ReportRequest, { signal }: CallOptions = {}): Promise<void> {
    await this.transport.json(ROUTES.report, { body, signal })
  }

  /** Hosts a work until it is left: `hosting` first, then what there is to run. Has no end but a failure. */
  async *host(
    body: WorksApi.HostRequest,
    { signal }: CallOptions = {}
  ): AsyncGenerator<WorksApi.HostLine, never, undefined> {
    yield* this.#list(ROUTES.host, workAnswers.hostLine, { body, signal })
    throw endedEarly()
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

  /** What fails, or is cancelled, may have been given a lease by an answer that nobody reads: that is given back. */
  async #leased<T>({ leaseId }: Api.GetRequest, get: () => Promise<T>): Promise<T> {
    try {
      return await get()
    } catch (error) {
      const isAnswer = error instanceof PathmeshError && !hasCode(error, 'DAEMON_UNREACHABLE', 'TIMEOUT', 'ABORTED')
      if (leaseId !== undefined && !isAnswer) {
        const given = this.release(leaseId)
          .catch(() => undefined)
          .finally(() => this.#givingBack.delete(given))
        this.#givingBack.add(given)
      }
      throw error
    }
  }

  async *#list<T>(
    route: Route,
    read: Read<T>,
    call: Pick<Call, 'query' | 'body' | 'signal'>
  ): AsyncGenerator<T, void, undefined> {
    for await (const line of this.transport.lines(route, call)) {
      if ('event' in line && line.event === 'error')
        throw PathmeshError.fromProblem('error' in line ? line.error : undefined)
      yield read(line, 'a line of the answer')
    }
  }

  async #untilDone<D extends { event: 'done' | 'bytes' }>(
    route: Route,
    { timeoutMs, ...call }: Call & { readonly timeoutMs?: number | undefined },
    read: Read<Api.Progress | D>,
    onProgress: WaitOptions['onProgress']
  ): Promise<D> {
    const silenceMs = timeoutMs === undefined ? undefined : Math.min(3 * HEARTBEAT_MS, timeoutMs + HEARTBEAT_MS)
    let done: D | undefined
    try {
      for await (const line of this.transport.lines(route, { ...call, silenceMs })) {
        const event = read(line, 'an event')
        if (event.event === 'progress') onProgress?.(event)
        // Read on to the end, which comes with it: only then can the connection be used again.
        else done ??= event
      }
    } catch (error) {
      if (done === undefined) throw error
    }
    if (done === undefined) throw endedEarly()
    return done
  }
}

function endedEarly(): PathmeshError {
  return new PathmeshError('DAEMON_UNREACHABLE', 'the daemon ended its answer before the call was done: it is stopping')
}
