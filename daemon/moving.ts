// Moving content, put together: who is asked, who is served, at what rates, over what.

import type { Callers } from './callers.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { Budget } from './exchange/budget.ts'
import type { DownloadParts } from './exchange/download.ts'
import { Heard } from './exchange/heard.ts'
import { type How, Lanes } from './exchange/lanes/lanes.ts'
import { PeerProvider } from './exchange/peer-provider.ts'
import { RateLimit, type RateLimits } from './exchange/rate-limit.ts'
import { type LocalBlocks, type ReaderRequest, RemoteReader } from './exchange/remote-reader.ts'
import { exchangeHandlers } from './exchange/serve.ts'
import type { Peers } from './exchange/sources.ts'
import { StreamProvider } from './exchange/stream-provider.ts'
import { Strikes } from './exchange/strikes.ts'
import { Transfers } from './exchange/transfers.ts'
import { Turns } from './exchange/turns.ts'
import { laneSourceOf } from './lane-source.ts'
import type { Log } from './log.ts'
import type { Handler } from './rpc.ts'
import type { Holding } from './store/holding-table.ts'
import type { Store } from './store/store.ts'
import { sourceOf } from './wiring.ts'
import { listenHosts } from './swarm/swarm.ts'
import { PathmeshError } from '../proto/errors.ts'
import { DEFAULT_LANE_PORT } from '../proto/limits.ts'

export interface MovingParts {
  readonly self: string
  readonly config: Pick<Config, 'uploadLimit' | 'downloadLimit' | 'lanes' | 'lanePort' | 'listen'>
  readonly store: Store
  /** Streams for requests. */
  readonly contents: Callers
  readonly connected: () => readonly string[]
  /** The IP address of a connected peer. */
  readonly hostOf: (peer: string) => string | undefined
  readonly onServed: (peer: string, bytes: number) => void
  /** Bytes that came over a lane. */
  readonly onReceived: (peer: string, bytes: number) => void
  readonly clock: Clock
  readonly log: Log
}

export interface Moving {
  readonly transfers: Transfers<Holding>
  readonly peers: Peers
  readonly limits: RateLimits
  readonly strikes: Strikes
  /** What peers may ask. */
  readonly handlers: Record<string, Handler>
  /** Reads content that may not be here. */
  openReader(request: ReaderRequest): RemoteReader
  /** How bulk bytes of a peer travel. */
  readonly laneOf: (peer: string) => How
  /** A peer is not connected any more. */
  drop(peer: string): void
  /** Ends all transfers, and then what they travel on. What was written stays. */
  stop(): Promise<void>
}

/** Opens the port for lanes. IN_USE where that is taken and no other will do. */
export async function startMoving(given: MovingParts): Promise<Moving> {
  const { self, config, store, contents, connected, onServed, clock, log } = given
  const limits = {
    upload: new RateLimit(clock, config.uploadLimit),
    download: new RateLimit(clock, config.downloadLimit)
  }
  const strikes = new Strikes(clock)
  const turns = new Turns()
  const peers: Peers = {
    connected,
    provider: async peer => {
      if (strikes.isBanned(peer))
        throw new PathmeshError('DENIED', 'it sent wrong bytes too often, and is not asked for a while', {
          details: { peerId: peer }
        })
      return new PeerProvider(new StreamProvider(await contents.get(peer)), lanes, clock)
    }
  }
  const parts: DownloadParts = {
    self,
    clock,
    budget: new Budget(),
    download: limits.download,
    heard: new Heard(clock),
    strikes
  }
  const transfers = new Transfers<Holding>({ ...parts, peers })
  const lanes = await Lanes.start({
    listen: config.lanes ? laneListen(config) : null,
    hostOf: given.hostOf,
    ask: peer => contents.get(peer),
    source: laneSourceOf(store, transfers, turns),
    limits,
    onServed,
    onReceived: given.onReceived,
    clock,
    log
  })
  const source = sourceOf(store, transfers)
  const local: LocalBlocks = {
    block: cid => store.reader.block(cid),
    arriving: (file, leaf, signal) => transfers.leaf(file, leaf, signal)
  }
  return {
    transfers,
    peers,
    limits,
    strikes,
    handlers: { ...exchangeHandlers({ source, turns, upload: limits.upload, onServed }), lane: lanes.handler },
    openReader: request => new RemoteReader(request, { ...parts, peers, local }),
    laneOf: peer => lanes.how(peer),
    drop: peer => lanes.drop(peer),
    stop: async () => {
      await transfers.stop()
      await lanes.close()
    }
  }
}

/** Where this node listens for streams; the usual port, unless the user says another, which has to be free then. */
function laneListen({ listen, lanePort }: Pick<Config, 'listen' | 'lanePort'>) {
  return { hosts: listenHosts(listen), port: lanePort ?? DEFAULT_LANE_PORT, fixed: lanePort !== undefined }
}
