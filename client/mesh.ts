// The mesh as a program sees it: a connection to the local daemon. Makes Paths and Publishers, shares files, lists names and peers.

import { resolve } from 'node:path'
import type { Change, Dropped, Meta, Name, Stat, Unshared, WatchEvent } from '../proto/api.ts'
import type { Invite, Limits, LimitsChange, Peer, Status, TransferEvent } from '../proto/node-api.ts'
import { PathmeshError } from '../proto/errors.ts'
import { locate, type LocationOptions, type Locations } from '../proto/locations.ts'
import { looksLikePath, type PathJson } from '../proto/path-json.ts'
import { looksLikePayload, parsePayloadJson, refOfPayload, type PayloadJson } from '../proto/payload-json.ts'
import { checkRate } from '../proto/rate.ts'
import { formatRef, parseRef, payloadName, publishedName } from '../proto/ref.ts'
import type { Why } from '../proto/why-api.ts'
import type { WorkLine } from '../proto/works-api.ts'
import { Calls, type CallOptions } from './calls.ts'
import type { Codec } from './codecs/codec.ts'
import { Path, type PathHome } from './path.ts'
import { Payload, type PayloadClass } from './payload.ts'
import { ofNode, parsePrefix } from './prefix.ts'
import { Publisher, type PublisherOptions } from './publisher.ts'
import { put, type PutOptions } from './put.ts'
import type { WatchOptions } from './path-watch.ts'
import { revive } from './reviver.ts'
import { seenAt, shareFile, type Publication, type ShareOptions } from './share.ts'
import { shareWatch, type FolderEvent, type ShareWatchOptions } from './share-watch.ts'
import { Transport } from './transport.ts'
import { fixed, following, versionOfShare, type Version } from './version.ts'
import { callValues, type MeshCallOptions } from './work/call-values.ts'
import type { HostedWork, HostWorkOptions } from './work/host.ts'
import { WrittenFiles } from './written-files.ts'

/** What names a Path: `WORK[@NODE]/PATH`, a URL, a Path or Payload, its JSON form, or a version. */
export type PathLike = string | Path | Payload | PathJson | PayloadJson | Pick<Version, 'url'>

export interface PayloadOptions<P extends Payload = Payload> {
  /** What decodes it, whatever it says of itself: the id of a codec, or one itself. */
  readonly codec?: string | Codec | undefined
  /** A class of Payloads with `load`. */
  readonly type?: PayloadClass<P> | undefined
}

export interface ConnectOptions extends LocationOptions, CallOptions {}

/** What `share` resolves to: the version, and its Path, which follows the name. */
export interface Shared extends Publication {
  readonly path: Path
}

/** What `alias` resolves to: the version under its other name, and the Path of that, which follows it. */
export interface Alias extends Omit<Publication, 'modified' | 'meta' | 'unchanged' | 'codec' | 'mediaType'> {
  readonly path: Path
}

export interface AliasOptions extends CallOptions {
  /** Plain JSON that goes with it; by default that of the version. */
  readonly meta?: Meta | undefined
}

export interface NamesOptions extends CallOptions {
  /** Only names that begin with it: `WORK/PATH` or a URL, of one node with `@NODE` behind the work. */
  readonly prefix?: string | undefined
  /** `newest` (the default): one line a name. `all`: earlier versions that are known, too. */
  readonly versions?: 'newest' | 'all' | undefined
  /** true: only what is here, whole; false: only what is not. */
  readonly local?: boolean | undefined
}

/** What `host()` hosts: the module and the work, `name` being the export where there are several. */
export type MeshHostOptions = Omit<HostWorkOptions, 'hosted'>

export interface TransfersOptions extends CallOptions {
  /** Whether to go on with what changes. */
  readonly follow?: boolean | undefined
}

export interface MeshWatchOptions extends WatchOptions {
  /** As for `names()`. */
  readonly prefix?: string | undefined
}

/**
 * Connects to the daemon of `data` or `socket`, by default this user's. DAEMON_UNREACHABLE says how to start one that is
 * missing; DENIED that the socket could be somebody else's; INCOMPATIBLE that the daemon is of another version.
 */
export async function connect({ data, socket, signal }: ConnectOptions = {}): Promise<Mesh> {
  const locations = locate({ data, socket }, process.env, process.cwd())
  return await connectTo(locations, { named: data !== undefined, signal })
}

/** As `connect`, to what was located. `named`: whether the user named the data folder, and must name it to start a daemon. */
export async function connectTo(
  { data, socket }: Locations,
  { named, signal }: CallOptions & { readonly named: boolean }
): Promise<Mesh> {
  const startHint = named ? `pathmesh up --detach --data ${data}` : 'pathmesh up --detach'
  const calls = new Calls(new Transport(socket, { startHint }))
  try {
    const { peerId } = await calls.status({ signal })
    return new Mesh(calls, peerId)
  } catch (error) {
    calls.close()
    throw error
  }
}

export class Mesh {
  readonly #home: PathHome

  /** Made by `connect()`. */
  constructor(calls: Calls, peerId: string) {
    const folder = async (name: string, options: CallOptions) => (await calls.work({ name }, options)).folder
    this.#home = { calls, peerId, written: new WrittenFiles(), folder }
  }

  /** What references and Works of a mesh are made with; not for programs. */
  static homeOf(mesh: Mesh): PathHome {
    return mesh.#home
  }

  /** PeerId of the local node. */
  get peerId(): string {
    return this.#home.peerId
  }

  /** Absolute path of the daemon's socket. */
  get socket(): string {
    return this.#home.calls.transport.socket
  }

  async status(options: CallOptions = {}): Promise<Status> {
    return await this.#home.calls.status(options)
  }

  /** Yields the other nodes of the mesh. */
  peers(options: CallOptions = {}): AsyncIterable<Peer> {
    return this.#home.calls.peers(options)
  }

  /**
   * Yields what the local node is fetching. With `follow` it goes on: an event whenever something of a transfer changed, `gone` with the
   * outcome at its end; it ends when it is left, or with an error.
   */
  transfers({ follow, signal }: TransfersOptions = {}): AsyncIterable<TransferEvent> {
    const { calls } = this.#home
    return follow === true ? calls.followTransfers({ signal }) : calls.transfers({ signal })
  }

  /** How fast the local node may send and fetch content, in bytes a second; 0 is no limit. */
  async limits(options: CallOptions = {}): Promise<Limits> {
    return await this.#home.calls.limits(options)
  }

  /** Changes the limits that are given, until the daemon ends; resolves to both. INVALID_ARGUMENT for what cannot be kept to. */
  async setLimits(change: LimitsChange, options: CallOptions = {}): Promise<Limits> {
    for (const key of ['upload', 'download'] as const) checkRate(change[key] ?? 0, key)
    return await this.#home.calls.setLimits(change, options)
  }

  /**
   * What is known of a reference when it does not come, or of a node, by its name or PeerId: who was asked, what they said, and what would
   * help. NOT_FOUND for a node that is not known; a reference that means nothing says so in `failure`.
   */
  async why(like: PathLike, options: CallOptions = {}): Promise<Why> {
    const isNode = typeof like === 'string' && !like.includes('/')
    return await this.#home.calls.why({ ref: isNode ? like : formatRef(this.path(like).ref) }, options)
  }

  /** A new invite: whoever has it can join the mesh. */
  async invite(options: CallOptions = {}): Promise<Invite> {
    return await this.#home.calls.invite(options)
  }

  /** Shares a local file or directory, from where it lies. Resolves when the version is durable and announced. */
  async share(local: string, options: ShareOptions = {}): Promise<Shared> {
    const as = options.as === undefined ? undefined : publishedName(options.as)
    const done = await shareFile(this.#home.calls, resolve(local), { ...options, as })
    const { kept, copies, unchanged } = done
    const path = new Path(parseRef(done.url), { home: this.#home })
    return { ...versionOfShare(done, options.meta), kept, copies, unchanged, path }
  }

  /**
   * Publishes a local file or directory, and again whenever it has changed and settled. Yields what it does, `watching` first; ends
   * when it is left, or with an error. What is deleted is retired; a root that vanishes only pauses it.
   */
  async *shareWatch(local: string, options: ShareWatchOptions = {}): AsyncGenerator<FolderEvent, void, undefined> {
    const as = options.as === undefined ? undefined : publishedName(options.as)
    const path = resolve(local)
    yield* shareWatch(this.#home.calls, { path, seen: await seenAt(path) }, { ...options, as })
  }

  /** Gives a version, or the newest of a Path that follows its name, another name. No bytes move. */
  async alias(name: string, like: PathLike, { meta, signal }: AliasOptions = {}): Promise<Alias> {
    const request = { name: publishedName(name), ref: formatRef(this.path(like).ref) }
    const done = await this.#home.calls.alias({ ...request, ...(meta === undefined ? {} : { meta }) }, { signal })
    const { cid, kind, size, seq, origin, kept, copies } = done
    const path = new Path(parseRef(done.url), { home: this.#home })
    const url = formatRef(fixed(path.ref, cid, origin))
    return { url, cid, root: cid, kind, size, seq, origin, kept, copies, path }
  }

  /** Any reference as a Path of this mesh. */
  path(like: PathLike): Path {
    const home = this.#home
    if (typeof like === 'string') return new Path(parseRef(like), { home })
    if (like instanceof Path) return like.bind(home)
    if (like instanceof Payload) return new Path(like.ref, { home })
    if (looksLikePayload(like)) return new Path(refOfPayload(parsePayloadJson(like).$payload), { home })
    if (looksLikePath(like)) return Path.from(like).bind(home)
    return new Path(parseRef(urlOf(like)), { home })
  }

  /**
   * For `JSON.parse(text, mesh.reviver)`: turns every object whose single own key is `$path` or `$payload` into a Path or a Payload of
   * this mesh, and leaves all else as it is. INVALID_ARGUMENT for such an object whose inside is not of that form.
   */
  readonly reviver = (key: string, value: unknown): unknown =>
    revive(key, value, { path: json => this.path(json), payload: json => this.payload(json) })

  /**
   * Publishes a value as a Payload: encoded by its codec, durable when it resolves, known to connected nodes. The Payload is fixed at
   * this version and has the value; its JSON form can be handed on. CODEC_NOT_FOUND, naming the key, for what nothing encodes.
   */
  async put<P extends Payload>(name: string, payload: P, options?: PutOptions): Promise<P>
  async put<T>(name: string, value: T, options?: PutOptions): Promise<Payload<T>>
  async put(name: string, value: unknown, options: PutOptions = {}): Promise<Payload> {
    return await put(this.#home.calls, payloadName(name), value, options)
  }

  /** Any reference as a Payload of this mesh, still to be fetched. */
  payload<T = unknown>(like: PathLike, options?: Omit<PayloadOptions, 'type'>): Payload<T>
  payload<P extends Payload>(like: PathLike, options: PayloadOptions<P> & { readonly type: PayloadClass<P> }): P
  payload(like: PathLike, { codec, type = Payload }: PayloadOptions = {}): Payload {
    const { calls } = this.#home
    if (!looksLikePayload(like)) return new type(undefined, { ref: this.path(like).ref, calls, codec })
    const facts = parsePayloadJson(like).$payload
    return new type(undefined, { ref: refOfPayload(facts), calls, facts, codec })
  }

  /** A work to publish as. Writing and publishing claim it for this node. */
  work(name: string, options: PublisherOptions = {}): Publisher {
    return new Publisher(name, this.#home, options)
  }

  /** Yields the works of the mesh, one for each node that publishes or claimed it. */
  works(options: CallOptions = {}): AsyncIterable<WorkLine> {
    return this.#home.calls.works(options)
  }

  /**
   * Calls a Work that is hosted (`pathmesh works host`), and resolves to what its run returned, once, whatever becomes of connections on
   * the way. References in `args` are fixed at their newest version. Errors as `callWork` has them: WORK_FAILED, WORK_LOST,
   * OUTCOME_UNKNOWN; NOT_FOUND where nobody hosts it.
   */
  async call(work: string, args: readonly unknown[] = [], options: MeshCallOptions = {}): Promise<unknown> {
    return await callValues({ calls: this.#home.calls, reviver: this.reviver }, work, args, options)
  }

  /** Hosts the Work of a module: whoever is in the mesh may call it, until `stop()`. WORK_IN_USE as `work()`. */
  async host(options: MeshHostOptions): Promise<HostedWork> {
    const module = options.module.startsWith('file:') ? options.module : resolve(options.module)
    // Most that use a mesh host nothing, and start faster without.
    const { hostWork } = await import('./work/host.ts')
    return await hostWork(this.#home, { ...options, module, hosted: true })
  }

  /** Yields the names that are known, sorted. INVALID_ARGUMENT for a prefix that is malformed. */
  names({ prefix, versions, local, signal }: NamesOptions = {}): AsyncIterable<Name> {
    const { calls } = this.#home
    const { node, ...begin } = prefix === undefined ? {} : parsePrefix(prefix)
    const query = {
      ...begin,
      ...(versions === undefined ? {} : { versions }),
      ...(local === undefined ? {} : { local: local ? ('true' as const) : ('false' as const) })
    }
    return ofNode(calls, node, calls.names(query, { signal }), { signal })
  }

  /** Yields what became of a name, retirements included, the newest first. */
  history(like: PathLike, options: CallOptions = {}): AsyncIterable<Change> {
    return this.#home.calls.history(following(this.path(like).ref), options)
  }

  /**
   * Yields new versions and retirements of every name as they come, each with a cursor: `after` goes on behind it. `watching` comes
   * first, from then on nothing is missed; `gap` says that a reader was too slow, or away for too long, and changes were missed. Ends
   * when it is left, or with an error.
   */
  watch({ prefix, after, signal }: MeshWatchOptions = {}): AsyncGenerator<WatchEvent, void, undefined> {
    const { calls } = this.#home
    const { node, ...begin } = prefix === undefined ? {} : parsePrefix(prefix)
    const query = { ...begin, ...(after === undefined ? {} : { after }) }
    return ofNode(calls, node, calls.watch(query, { signal }), { signal })
  }

  async stat(like: PathLike, options: CallOptions = {}): Promise<Stat> {
    return await this.path(like).stat(options)
  }

  /** Retires a name of this node. The bytes stay where they lie. */
  async unshare(like: PathLike, options: CallOptions = {}): Promise<Unshared> {
    return await this.path(like).unshare(options)
  }

  /** Removes the local copy of something fetched. IN_USE while a program holds it. */
  async drop(like: PathLike, options: CallOptions = {}): Promise<Dropped> {
    return await this.path(like).drop(options)
  }

  /** Tells the daemon to stop; resolves when it has agreed. */
  async shutdown(options: CallOptions = {}): Promise<void> {
    await this.#home.calls.shutdown(options)
  }

  /** Ends the connection, and with it the leases of what `get()` handed out. */
  async close(): Promise<void> {
    this.#home.calls.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** A program without types may hand in anything. */
function urlOf(like: unknown): string {
  if (typeof like === 'object' && like !== null && 'url' in like && typeof like.url === 'string') return like.url
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    'a reference is a text such as WORK/PATH, a Path, a Payload, the JSON form of one, or a version'
  )
}
