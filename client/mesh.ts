// The mesh as a program sees it: a connection to the local daemon. Makes Paths and Works, shares files, lists names and peers.

import { resolve } from 'node:path'
import type { Dropped, Invite, Name, Peer, Stat, Status, Unshared } from '../proto/api.ts'
import { PathmeshError } from '../proto/errors.ts'
import { locate, type LocationOptions, type Locations } from '../proto/locations.ts'
import { looksLikePath, parsePathJson, refOfFacts, type PathJson } from '../proto/path-json.ts'
import { checkName, parseRef } from '../proto/ref.ts'
import { Calls, type CallOptions } from './calls.ts'
import { Path, type PathHome } from './path.ts'
import { shareFile, type Publication, type ShareOptions } from './share.ts'
import { Transport } from './transport.ts'
import { versionOfShare, type Version } from './version.ts'
import { Work } from './work.ts'

/** What names a Path: `WORK[@NODE]/PATH`, a URL, a Path, its JSON form, or a version. */
export type PathLike = string | Path | PathJson | Pick<Version, 'url'>

export interface ConnectOptions extends LocationOptions, CallOptions {}

/** What `share` resolves to: the version, and its Path, which follows the name. */
export interface Shared extends Publication {
  readonly path: Path
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
    this.#home = { calls, peerId }
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

  /** Any reference as a Path of this mesh. */
  path(like: PathLike): Path {
    const home = this.#home
    if (typeof like === 'string') return new Path(parseRef(like), { home })
    if (like instanceof Path) return like.bind(home)
    if (looksLikePath(like)) {
      const facts = parsePathJson(like).$path
      return new Path(refOfFacts(facts), { home, facts })
    }
    return new Path(parseRef(like.url), { home })
  }

  /** A work to publish as. */
  work(name: string): Work {
    return new Work(name, this.#home)
  }

  /** Yields the names that are known, sorted; with `prefix` those that begin with it (`WORK/PATH`). */
  names({ prefix, ...options }: CallOptions & { readonly prefix?: string | undefined } = {}): AsyncIterable<Name> {
    return this.#home.calls.names(prefix, options)
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

/** The name in `WORK/PATH` or `pathmesh://work/path`, as the daemon takes it. */
function publishedName(text: string): string {
  const ref = parseRef(text)
  if (ref.type === 'content' || ref.node !== undefined || ref.version !== undefined) {
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text)} is not a name to publish under: WORK/PATH, without a node or a version (a work with an '@' is written pathmesh://a%40b/path)`
    )
  }
  const name = `${ref.work}/${ref.path}`
  checkName(name)
  return name
}
