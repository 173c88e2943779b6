// The composition root: makes every part, hands each what it needs, starts them in order and stops them in reverse. It
// holds no rules of its own.

import './polyfill.ts'
import { randomUUID } from 'node:crypto'
import { chmod, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import type { Invite, Peer, Status } from '../proto/api.ts'
import { DIAL_MS } from '../proto/limits.ts'
import { decodeInvite, encodeInvite } from '../proto/invite.ts'
import type { Ready } from '../proto/up.ts'
import { createApp } from './admin/app.ts'
import { AdminSocket } from './admin/socket.ts'
import { Callers } from './callers.ts'
import { Catalogue } from './catalogue/catalogue.ts'
import { RecordTable } from './catalogue/record-table.ts'
import { systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { Hasher } from './content/hasher.ts'
import { exchangeHandlers } from './exchange/serve.ts'
import { StreamProvider } from './exchange/stream-provider.ts'
import { Transfers } from './exchange/transfers.ts'
import type { Log } from './log.ts'
import { systemRandom } from './random.ts'
import { answer } from './rpc.ts'
import { Deliveries } from './sharing/deliver.ts'
import { Sharing } from './sharing/sharing.ts'
import { del, put, type Write } from './store/database.ts'
import type { Holding } from './store/holding-table.ts'
import { Store } from './store/store.ts'
import { loadIdentity, verifyPeerSignature } from './swarm/identity.ts'
import { createMesh, joinMesh, loadMesh, type Mesh } from './swarm/mesh-file.ts'
import type { Member } from './swarm/ports.ts'
import { createSwarm, type Swarm } from './swarm/swarm.ts'
import { VERSION } from './version.ts'

const EXCHANGE = '/pathmesh/exchange/1.0.0'
const CATALOGUE = '/pathmesh/catalogue/1.0.0'

export interface RunningDaemon {
  readonly ready: Ready
  /** Settles when the daemon has stopped, by `stop` or by a request on its socket. */
  readonly stopped: Promise<void>
  /** Stops in order; what does not end in time is left. Idempotent. */
  stop(): Promise<void>
}

/**
 * Starts a daemon on its data folder. Errors: IN_USE if another runs there or has the port, DENIED for the invite of
 * another mesh than the folder's, INVALID_ARGUMENT for what cannot be read. What was started by then is stopped again.
 */
export async function startDaemon(
  config: Config,
  options: { readonly join?: string; readonly log: Log }
): Promise<RunningDaemon> {
  const undo: (() => Promise<unknown> | void)[] = []
  try {
    return await start(config, options, undo)
  } catch (error) {
    for (const step of undo.toReversed()) await step()
    throw error
  }
}

async function start(
  config: Config,
  { join, log }: { readonly join?: string; readonly log: Log },
  undo: (() => Promise<unknown> | void)[]
): Promise<RunningDaemon> {
  const [clock, random] = [systemClock, systemRandom]
  const startedAt = clock.monotonic()
  const { data } = config
  const invite = join === undefined ? undefined : decodeInvite(join)
  await mkdir(data, { recursive: true, mode: 0o700 })
  await chmod(data, 0o700)
  // A wrong invite is told before anything else: it is wrong whether or not a daemon runs here.
  if (invite !== undefined && (await loadMesh(data)) !== null) await joinMesh(data, invite)

  const store = await Store.open({ data, clock, random, log })
  undo.push(() => store.close())
  const identity = await loadIdentity(data)
  const { mesh, created } = await meshOf(data, invite)

  const memberRows = store.database.table<Member>('members')
  const members = {
    list: () => memberRows.values(),
    put: (member: Member) => store.database.note([put(memberRows, member.peerId, member)])
  }
  if (
    invite !== undefined &&
    invite.peerId !== identity.peerId &&
    (await memberRows.get(invite.peerId)) === undefined
  ) {
    await members.put({
      peerId: invite.peerId,
      addresses: invite.addresses.map(address => address.replace(/\/p2p\/[^/]+$/, '')),
      lastSeen: null
    })
  }
  const swarm = await createSwarm(
    { identity, mesh, members, clock, random, log },
    { mdns: config.mdns, ...(config.listen === undefined ? {} : { listen: config.listen }) }
  )

  const catalogueCallers = new Callers(swarm, CATALOGUE)
  const exchangeCallers = new Callers(swarm, EXCHANGE)
  const catalogue = await openCatalogue({ config, store, swarm, mesh, identity, callers: catalogueCallers, log })
  const peers = {
    connected: () => swarm.connected(),
    provider: async (peer: string) => new StreamProvider(await exchangeCallers.get(peer))
  }
  const transfers = new Transfers<Holding>(peers, clock)
  const hasher = new Hasher()
  undo.push(() => hasher.close())
  const deliveries = new Deliveries({
    database: store.database,
    pool: store.pool,
    hasher,
    data,
    home: homedir(),
    unique: () => randomUUID().slice(0, 8)
  })
  await deliveries.open()
  const sharing = new Sharing({
    self: identity.peerId,
    nodeName: config.name,
    store,
    hasher,
    catalogue,
    transfers,
    deliveries,
    peers,
    clock
  })

  const bytesOut = new Map<string, number>()
  const served = (peer: string, bytes: number) => bytesOut.set(peer, (bytesOut.get(peer) ?? 0) + bytes)
  const source = sourceOf(store)
  swarm.handle(EXCHANGE, stream => answer(stream, exchangeHandlers(source, served)))
  swarm.handle(CATALOGUE, stream => answer(stream, catalogue.handlers()))
  swarm.onConnect(peer => {
    log.info('peer connected', { peer })
    catalogue.greet(peer).catch((error: unknown) => log.debug('a peer was not greeted', { peer, error }))
  })
  swarm.onDisconnect(peer => {
    log.info('peer disconnected', { peer })
    catalogueCallers.drop(peer)
    exchangeCallers.drop(peer)
  })
  await swarm.start()
  undo.push(() => swarm.stop())
  if (invite !== undefined && invite.peerId !== identity.peerId) await firstDial(swarm, invite.addresses, log)

  const status = async (): Promise<Status> => ({
    peerId: identity.peerId,
    name: config.name,
    meshId: mesh.id,
    addresses: swarm.addresses(),
    version: VERSION,
    uptimeSeconds: (clock.monotonic() - startedAt) / 1000,
    synced: catalogue.isSynced,
    peers: swarm.connected().length,
    names: await countOf(catalogue.list('')),
    storage: await store.usage(),
    transfers: [...transfers.list()].map(
      ({
        root,
        name,
        status: { state, why, bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond, providers }
      }) => ({
        root,
        name,
        state,
        why,
        bytesDone,
        bytesTotal,
        filesDone,
        filesTotal,
        bytesPerSecond,
        providers: [...providers]
      })
    )
  })
  const listPeers = (): Peer[] =>
    swarm.peers().map(({ peerId, addresses, connected, latencyMs }) => {
      const bytesIn = exchangeCallers.bytesIn(peerId)
      const out = bytesOut.get(peerId) ?? 0
      return {
        peerId,
        name: catalogue.nodeName(peerId) ?? null,
        addresses: [...addresses],
        connected,
        lane: bytesIn + out > 0 ? 'stream' : null,
        latencyMs,
        bytesIn,
        bytesOut: out
      }
    })
  const newInvite = (): Invite => ({
    invite: encodeInvite({
      meshId: mesh.id,
      secret: mesh.secret,
      peerId: identity.peerId,
      addresses: swarm.addresses(),
      expires: null
    }),
    expires: null
  })

  let lastStatus: Promise<Status> | undefined
  let stopping: Promise<void> | undefined
  const end = Promise.withResolvers<void>()
  const stop = () =>
    (stopping ??= stopAll()
      .then(end.resolve, end.reject)
      .then(() => end.promise))
  const app = createApp({
    node: {
      status: () => lastStatus ?? status(),
      peers: listPeers,
      invite: newInvite,
      shutdown: () => void stop().catch(() => undefined)
    },
    leases: store.leases,
    sharing
  })
  const socket = await AdminSocket.listen(config.socket, app)
  const stopAll = async () => {
    // Whoever waits for the end asks for the status until nobody answers; so the socket goes last, when the folder is free.
    lastStatus = status()
    await lastStatus
    await transfers.stop()
    catalogueCallers.close()
    exchangeCallers.close()
    await swarm.stop()
    await hasher.close()
    await store.close()
    await socket.close()
    log.info('stopped')
  }
  const ready: Ready = {
    event: 'ready',
    peerId: identity.peerId,
    name: config.name,
    meshId: mesh.id,
    created,
    addresses: swarm.addresses(),
    socket: config.socket
  }
  log.info('ready', { ...ready, event: undefined, data })
  return { ready, stopped: end.promise, stop }
}

async function meshOf(
  data: string,
  invite: { meshId: string; secret: Uint8Array } | undefined
): Promise<{ mesh: Mesh; created: boolean }> {
  if (invite !== undefined) return { mesh: await joinMesh(data, invite), created: false }
  const mesh = await loadMesh(data)
  return mesh === null ? { mesh: await createMesh(data), created: true } : { mesh, created: false }
}

interface CatalogueNeeds {
  readonly config: Config
  readonly store: Store
  readonly swarm: Swarm
  readonly mesh: Mesh
  readonly identity: Awaited<ReturnType<typeof loadIdentity>>
  readonly callers: Callers
  readonly log: Log
}

async function openCatalogue({
  config,
  store,
  swarm,
  mesh,
  identity,
  callers,
  log
}: CatalogueNeeds): Promise<Catalogue<Write>> {
  const { database } = store
  const records = database.bytesTable('records')
  const counters = database.table<number>('counters')
  const nodes = database.table<string>('nodes')
  const catalogue = new Catalogue<Write>({
    records: new RecordTable<Write>({
      get: key => records.get(key),
      iterator: range => records.iterator(range),
      put: (key, value) => put(records, key, value)
    }),
    signer: identity,
    verify: verifyPeerSignature,
    mesh: new TextEncoder().encode(mesh.id),
    nodeName: config.name,
    softwareVersion: VERSION,
    clock: systemClock,
    log,
    lastNumber: {
      get: async () => (await counters.get('records')) ?? 0,
      put: value => put(counters, 'records', value)
    },
    nodes: {
      list: () => nodes.iterator(),
      put: (peerId, name) => (name === '' ? del(nodes, peerId) : put(nodes, peerId, name))
    },
    commit: writes => database.commit(writes),
    connected: () => swarm.connected(),
    caller: peer => callers.get(peer)
  })
  await catalogue.open()
  return catalogue
}

/** What this node serves: what is in its store. */
function sourceOf(store: Store): Parameters<typeof exchangeHandlers>[0] {
  return {
    block: cid => store.reader.block(cid),
    branches: cids => store.branches.getMany(cids),
    smallBlocks: cids => store.reader.smallBlocks(cids),
    leaves: (file, ranges, signal) => store.reader.leaves(file, ranges, signal),
    held: async root => {
      const holding = await store.findHolding(root)
      return { complete: holding !== undefined, bytes: holding?.size ?? 0 }
    },
    recheck: (file, index) => store.reader.recheck(file, index)
  }
}

/** A node that joins waits a moment for the one that invited it, so that the first command finds the mesh. */
async function firstDial(swarm: Swarm, addresses: readonly string[], log: Log): Promise<void> {
  try {
    await swarm.dial(addresses, { signal: AbortSignal.timeout(DIAL_MS) })
  } catch (error) {
    log.warn('the node that invited this one cannot be reached; it is dialled again from time to time', {
      addresses,
      error
    })
  }
}

async function countOf(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of items) count++
  return count
}
