// Real daemons for tests: `pathmesh up` in processes of their own, on loopback, in folders that are removed. A Scene owns all
// of them; when it closes, no process and no file is left.

import assert from 'node:assert/strict'
import { mkdtemp, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { connect, type Mesh } from '../../client/index.ts'
import { removeTree } from '../../daemon/store/disposal.ts'
import { Invite, type Peer, Status } from '../../proto/node-api.ts'
import { command, type Outcome, type SpawnOptions, Started } from './commands.ts'
import { until } from './until.ts'

const READY_MS = 20_000
const LOOPBACK = '/ip4/127.0.0.1/tcp'

export const ReadyLine = z.strictObject({
  event: z.literal('ready'),
  peerId: z.string(),
  name: z.string(),
  meshId: z.string(),
  created: z.boolean(),
  addresses: z.array(z.string()),
  socket: z.string()
})

export interface UpOptions extends Pick<SpawnOptions, 'env' | 'prefix'> {
  readonly data: string
  readonly name?: string
  readonly join?: string
  /** TCP port; by default any. */
  readonly port?: number
}

/** One `pathmesh up`, in the foreground. */
export class Daemon {
  readonly options: UpOptions
  readonly ready: z.infer<typeof ReadyLine>
  readonly #process: Started

  private constructor(options: UpOptions, started: Started, ready: z.infer<typeof ReadyLine>) {
    this.options = options
    this.#process = started
    this.ready = ready
  }

  /** Resolves once it is ready; rejects, with what it said, when it ends before. */
  static async up(options: UpOptions): Promise<Daemon> {
    const started = startDaemon(options)
    try {
      const line = await until(
        `${options.data} is ready`,
        () => {
          if (started.hasEnded) throw new Error(`the daemon ended: ${started.stderr}`)
          const end = started.stdout.indexOf('\n')
          return end !== -1 && started.stdout.slice(0, end)
        },
        READY_MS
      )
      return new Daemon(options, started, ReadyLine.parse(JSON.parse(line)))
    } catch (error) {
      started.child.kill('SIGKILL')
      await started.ended
      throw error
    }
  }

  get data(): string {
    return this.options.data
  }

  get socket(): string {
    return this.ready.socket
  }

  get peerId(): string {
    return this.ready.peerId
  }

  /** The TCP port that it listens on. */
  get port(): number {
    return Number(/\/tcp\/(\d+)/.exec(this.ready.addresses[0] ?? '')?.[1])
  }

  get pid(): number {
    assert.ok(this.#process.child.pid)
    return this.#process.child.pid
  }

  /** What it has logged so far. */
  get log(): string {
    return this.#process.stderr
  }

  /** Runs a command against it, with --json. */
  async cli(args: readonly string[], options: SpawnOptions = {}): Promise<Outcome> {
    return await command(['--data', this.data, '--json', ...args], options)
  }

  /** The same, left running. */
  begin(args: readonly string[], options: SpawnOptions = {}): Started {
    return new Started(['--data', this.data, '--json', ...args], options)
  }

  async connect(): Promise<Mesh> {
    return await connect({ socket: this.socket })
  }

  async invite(): Promise<string> {
    return (await this.cli(['invite'])).value(Invite).invite
  }

  async status(): Promise<Status> {
    return (await this.cli(['status'])).value(Status)
  }

  async peers(): Promise<Peer[]> {
    await using mesh = await this.connect()
    const peers: Peer[] = []
    for await (const peer of mesh.peers()) peers.push(peer)
    return peers
  }

  /** Stops it from running, as a machine that sleeps does. */
  freeze(): void {
    this.#process.child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process.child.kill('SIGCONT')
  }

  async kill9(): Promise<void> {
    this.#process.child.kill('SIGKILL')
    await this.#process.ended
  }

  /** Ends it in order. */
  async stop(): Promise<Outcome> {
    this.thaw()
    this.#process.child.kill('SIGTERM')
    return await this.#process.ended
  }

  /** Starts it again, on the same folder, and by default on the port it had. */
  async again(options: Partial<UpOptions> = {}): Promise<Daemon> {
    const { join: _joined, ...rest } = this.options
    return await Daemon.up({ ...rest, port: this.port, ...options })
  }
}

function startDaemon({ data, name, join: invite, port = 0, ...spawn }: UpOptions): Started {
  const flags = ['--no-mdns', '--listen', `${LOOPBACK}/${port}`]
  if (name !== undefined) flags.push('--name', name)
  if (invite !== undefined) flags.push('--join', invite)
  return new Started(['--data', data, '--json', 'up', ...flags], spawn)
}

export class Scene {
  /** A folder of its own, with a short path. */
  readonly folder: string
  readonly #daemons: Daemon[] = []
  readonly #started: Started[] = []
  readonly #meshes: Mesh[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<Scene> {
    return new Scene(await mkdtemp(join(tmpdir(), 'pm-')))
  }

  at(...path: string[]): string {
    return join(this.folder, ...path)
  }

  /** Writes a file in the scene's folder, and says where. */
  async file(path: string, content: string | Uint8Array): Promise<string> {
    const full = this.at(path)
    await mkdir(dirname(full), { recursive: true })
    await writeFile(full, content)
    return full
  }

  /** A new folder in the scene's. */
  async directory(path: string): Promise<string> {
    const full = this.at(path)
    await mkdir(full, { recursive: true })
    return full
  }

  async up(name: string, options: Partial<UpOptions> = {}): Promise<Daemon> {
    return this.own(await Daemon.up({ data: this.at(name), name, ...options }))
  }

  /** Starts a daemon that need not become ready. */
  start(options: UpOptions): Started {
    const started = startDaemon(options)
    this.#started.push(started)
    return started
  }

  /** Takes a daemon into its care. */
  own(daemon: Daemon): Daemon {
    this.#daemons.push(daemon)
    return daemon
  }

  /** Nodes of one mesh, each connected to the first, which made it. */
  async mesh(...names: [string, ...string[]]): Promise<Daemon[]> {
    const [first, ...others] = names
    const origin = await this.up(first)
    const invite = others.length === 0 ? undefined : await origin.invite()
    const joined = await Promise.all(others.map(name => this.up(name, invite === undefined ? {} : { join: invite })))
    await Promise.all(joined.map(daemon => connected(daemon, origin)))
    return [origin, ...joined]
  }

  async connect(daemon: Daemon): Promise<Mesh> {
    const mesh = await daemon.connect()
    this.#meshes.push(mesh)
    return mesh
  }

  async close(): Promise<void> {
    await Promise.all(this.#meshes.map(mesh => mesh.close()))
    for (const started of this.#started) started.child.kill('SIGKILL')
    await Promise.all(this.#started.map(({ ended }) => ended))
    await Promise.all(this.#daemons.map(daemon => daemon.kill9()))
    await removeTree(this.folder)
  }
}

/** Resolves once each of two nodes says that it is connected to the other. */
export async function connected(one: Daemon, other: Daemon): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one]
  ] as const) {
    await until(`${from.options.name} is connected to ${to.options.name}`, async () =>
      (await from.peers()).some(peer => peer.peerId === to.peerId && peer.connected)
    )
  }
}

/** What `before` has set. */
export function must<T>(value: T | undefined): T {
  assert.ok(value !== undefined)
  return value
}
