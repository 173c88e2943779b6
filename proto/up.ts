// What `pathmesh up` and a program that embeds the daemon hand to it, and what it says once it is ready.

/** Flags of `up`. What is absent is taken from the environment, then from `config.json` in the data folder, then the default. */
export interface UpFlags {
  readonly data?: string
  readonly socket?: string
  /** Multiaddrs to listen on; by default port 4747 of every interface. */
  readonly listen?: readonly string[]
  /** An invite, as `pathmesh invite` prints it. */
  readonly join?: string
  /** This node's human name; by default the host's. */
  readonly name?: string
  readonly mdns?: boolean
  /** Bytes a second that this node sends, and fetches, at most; 0: no limit. */
  readonly uploadLimit?: number
  readonly downloadLimit?: number
  /** Where connections for bulk bytes are accepted; by default port 4748, or another that is free. */
  readonly lanePort?: number
  /** Whether to open such connections at all; without them everything goes over one connection per node. */
  readonly lanes?: boolean
  /** Log more, to stderr. */
  readonly verbose?: boolean
}

/** The first line of `pathmesh up --json`. */
export interface Ready {
  readonly event: 'ready'
  readonly peerId: string
  readonly name: string
  readonly meshId: string
  /** Whether this start made the mesh. */
  readonly created: boolean
  readonly addresses: readonly string[]
  readonly socket: string
}

/** Runs a daemon until it is told to stop; resolves to the exit status. Rejects if it cannot start. */
export type RunDaemon = (flags: UpFlags, onReady: (ready: Ready) => void) => Promise<number>
