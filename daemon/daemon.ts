// The composition root: makes every part, hands each what it needs, starts them in order and stops them in reverse. It
// holds no rules of its own.

import './polyfill.ts'
import { randomUUID } from 'node:crypto'
import { chmod, mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { createApp } from './admin/app.ts'
import { AdminSocket } from './admin/socket.ts'
import { Callers } from './callers.ts'
import { systemClock } from './clock.ts'
import { type Config, defaultNodeName } from './config.ts'
import { Hasher } from './content/hasher.ts'
import { withDeadline } from './deadline.ts'
import { enterMesh, openMembers, refuseOtherMesh } from './join.ts'
import type { Log } from './log.ts'
import { startMoving } from './moving.ts'
import { NodeFacts } from './node-facts.ts'
import { NodeRecords } from './node-records.ts'
import { systemRandom } from './random.ts'
import { answer } from './rpc.ts'
import { Deliveries } from './sharing/deliver.ts'
import { Retention } from './sharing/keep-retention.ts'
import { Eager } from './sharing/eager.ts'
import { Sharing } from './sharing/sharing.ts'
import { Explanations } from './sharing/why.ts'
import { Steps } from './steps.ts'
import { Store } from './store/store.ts'
import { loadIdentity, verifyPeerSignature } from './swarm/identity.ts'
import { forgetMesh, loadMesh } from './swarm/mesh-file.ts'
import { createSwarm, type Swarm } from './swarm/swarm.ts'
import { openCatalogue } from './wiring.ts'
import { callRows } from './works/call-table.ts'
import { dayRows } from './works/day-table.ts'
import { hostedNames } from './works/hosts-before.ts'
import { Works } from './works/works.ts'
import type { Status } from '../proto/node-api.ts'
import { decodeInvite, type Invite } from '../proto/invite.ts'
import { DIAL_MS } from '../proto/limits.ts'
import type { Ready } from '../proto/up.ts'

const EXCHANGE = '/pathmesh/exchange/1.0.0'
const CATALOGUE = '/pathmesh/catalogue/1.0.0'
const WORKS = '/pathmesh/works/1.0.0'

export interface RunningDaemon {
  readonly ready: Ready
  /** Settles when the daemon has stopped, by `stop` or by a request on its socket. */
  readonly stopped: Promise<void>
  /** Stops in order; what does not end in time is left. Idempotent. */
  stop(): Promise<void>
}

export interface DaemonOptions {
  /** An invite to the mesh that a new folder is to belong to. */
  readonly join?: string | undefined
  readonly log: Log
}

/**
 * Starts a daemon on its data folder. Errors: IN_USE if another runs there or has the port, DENIED for the invite of
 * another mesh than the folder's, INVALID_ARGUMENT for what cannot be read. What was started by then is stopped again.
 */
export async function startDaemon(config: Config, options: DaemonOptions): Promise<RunningDaemon> {
  const steps = new Steps(systemClock, options.log)
  const undo = new Steps(systemClock, options.log)
  try {
    return await start(config, options, steps, undo)
  } catch (error) {
    await steps.unwind()
    await undo.unwind()
    throw error
  }
}

async function start(config: Config, { join, log }: DaemonOptions, steps: Steps, undo: Steps): Promise<RunningDaemon> {
  const [clock, random] = [systemClock, systemRandom]
  const { data } = config
  const invite = join === undefined ? undefined : decodeInvite(join)
  await mkdir(data, { recursive: true, mode: 0o700 })
  await chmod(data, 0o700)
  await refuseOtherMesh(data, invite)

  const store = await Store.open({ data, clock, random, log })
  steps.started('store', () => store.close())
  const identity = await loadIdentity(data)
  const self = identity.peerId
  const isNew = (await loadMesh(data)) === null
  const { mesh, created } = await enterMesh(data, invite)
  // A mesh that never ran must not keep this folder from joining another.
  if (isNew) undo.started('mesh', () => forgetMesh(data))
  const members = await openMembers(store.database, self, invite)
  const { listen, mdns } = config
  const swarm = await createSwarm(
    { identity, mesh, members, clock, random, log },
    { mdns, ...(listen === undefined ? {} : { listen }) }
  )

  const names = new Callers(swarm, CATALOGUE)
  const contents = new Callers(swarm, EXCHANGE)
  const commands = new Callers(swarm, WORKS)
  const questions = new Callers(swarm, WORKS)
  const eager = new Eager({ inline: store.inline, clock })
  const catalogue = await openCatalogue(store, {
    eager,
    signer: identity,
    verify: verifyPeerSignature,
    mesh: new TextEncoder().encode(mesh.id),
    clock,
    random,
    log,
    connected: () => swarm.connected(),
    holding: run => retention.exclusive(run),
    caller: peer => names.get(peer),
    knowsOthers: () => swarm.hasOthers()
  })
  const name = config.name ?? catalogue.nodeName(self) ?? defaultNodeName()
  catalogue.callSelf(name)
  const moving = await startMoving({
    self,
    config,
    store,
    contents,
    connected: () => swarm.connected(),
    onServed: (peer, bytes) => {
      facts.served(peer, bytes)
      eager.fetched(peer)
    },
    hostOf: peer => swarm.hostOf(peer),
    onReceived: (peer, bytes) => facts.received(peer, bytes),
    clock,
    log
  })
  steps.started('transfers', () => moving.stop())
  const { transfers, peers } = moving
  const hasher = new Hasher()
  steps.started('hasher', () => hasher.close())
  const unique = () => randomUUID().slice(0, 8)
  const deliveries = new Deliveries({
    database: store.database,
    pool: store.pool,
    hasher,
    data,
    home: homedir(),
    unique,
    log
  })
  await deliveries.open()
  const retention = new Retention({ store, namesOf: root => catalogue.own.namesOf(root), clock, log })
  retention.start()
  steps.started('retention', () => retention.stop())
  const sharing = new Sharing({
    self,
    nodeName: name,
    store,
    hasher,
    catalogue,
    transfers,
    deliveries,
    retention,
    peers,
    openReader: request => moving.openReader(request),
    clock,
    log,
    eager
  })
  const facts = new NodeFacts({
    name,
    mesh,
    swarm,
    store,
    catalogue,
    transfers,
    callers: contents,
    laneOf: moving.laneOf,
    clock
  })
  const why = new Explanations({
    self,
    names: catalogue,
    swarm,
    store,
    peers,
    transfers,
    strikes: moving.strikes,
    openReader: request => moving.openReader(request),
    laneOf: moving.laneOf,
    traffic: peer => facts.traffic(peer),
    clock
  })

  const works = new Works({
    self,
    nodeName: name,
    rows: callRows(store.database),
    sent: dayRows(store.database, 'calls-sent'),
    hostedNames: hostedNames(store.database),
    openWork: request => sharing.openWork(request),
    commands: peer => commands.get(peer),
    questions: peer => questions.get(peer),
    catalogue,
    nodes: {
      connected: () => swarm.connected(),
      called: node => catalogue.originsCalled(node),
      isKnown: peer => swarm.peers().some(({ peerId }) => peerId === peer) || catalogue.nodeName(peer) !== undefined,
      nameOf: peer => catalogue.nodeName(peer),
      holder: async work => (await catalogue.holder(work))?.origin,
      isSynced: () => catalogue.isSynced,
      works: signal => sharing.works(signal)
    },
    clock,
    log
  })
  await works.open()

  swarm.handle(EXCHANGE, stream => answer(stream, moving.handlers))
  swarm.handle(CATALOGUE, stream => answer(stream, catalogue.handlers()))
  swarm.handle(WORKS, stream => answer(stream, works.handlers()))
  swarm.onConnect(peer => {
    log.info('peer connected', { peer })
    catalogue.connected(peer)
  })
  swarm.onDisconnect(peer => {
    log.info('peer disconnected', { peer })
    catalogue.disconnected(peer)
    names.drop(peer)
    contents.drop(peer)
    moving.drop(peer)
    commands.drop(peer)
    questions.drop(peer)
  })
  steps.started('swarm', () => swarm.stop())
  const nodes = new NodeRecords({ name, swarm, catalogue, clock, log })
  await swarm.start()
  catalogue.start()
  nodes.start()
  steps.started('node records', () => nodes.stop())
  steps.started('catalogue', () => catalogue.stop())
  if (invite !== undefined && invite.peerId !== self) await firstDial(swarm, invite, log)
  steps.started('streams', async () => {
    await moving.stop()
    names.close()
    contents.close()
    commands.close()
    questions.close()
  })
  steps.started('works', () => works.stop())

  const stopped = Promise.withResolvers<void>()
  let lastStatus: Promise<Status> | undefined
  const stop = (): Promise<void> => {
    if (lastStatus !== undefined) return stopped.promise
    // Whoever waits for the end asks for the status until nobody answers; so the socket goes last, when the folder is free.
    lastStatus = facts.status()
    void lastStatus
      .catch(() => undefined)
      .then(() => steps.unwind())
      .then(() => socket.close())
      .then(() => log.info('stopped'))
      .then(stopped.resolve, stopped.reject)
    return stopped.promise
  }
  const node = {
    status: () => lastStatus ?? facts.status(),
    peers: () => facts.peers(),
    invite: () => facts.invite(),
    shutdown: () => void stop().catch(() => undefined)
  }
  const following = { transfers, nameOf: (peer: string) => catalogue.nodeName(peer), clock }
  const admin = { node, transfers: following, limits: moving.limits, why, leases: store.leases, sharing, works }
  const socket = await AdminSocket.listen(config.socket, createApp(admin))
  works.start()
  const ready: Ready = {
    event: 'ready',
    peerId: self,
    name,
    meshId: mesh.id,
    created,
    addresses: swarm.addresses(),
    socket: config.socket
  }
  log.info('ready', { peerId: self, meshId: mesh.id, created, addresses: ready.addresses, data })
  return { ready, stopped: stopped.promise, stop }
}

/** A node that joins waits a moment for the one that invited it, so that the first command finds the mesh. */
async function firstDial(swarm: Swarm, { addresses }: Invite, log: Log): Promise<void> {
  try {
    await withDeadline(systemClock, DIAL_MS, 'the first dial', undefined, signal => swarm.dial(addresses, { signal }))
  } catch (error) {
    log.warn('the node that invited this one cannot be reached; it is dialled again from time to time', {
      addresses,
      error
    })
  }
}
