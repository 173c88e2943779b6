// How long a run of chaos waits for what, and what it holds daemons to.

const MiB = 2 ** 20

/** Beyond the stall that a fetch was given, until it must have ended: its last waits, and a machine that is busy with others. */
export const MARGIN_MS = 30_000
/** After a fault, until a node that is left alone is connected to all others again and can be counted on. */
export const SETTLED_MS = 70_000
/** Within this, everybody must be connected, and idle daemons back at what they were. */
export const REST_MS = 120_000
/** One fetch, however slowly it goes on. */
export const FETCH_MS = 30 * 60_000
/** How often a fetch is looked at. */
export const LOOK_MS = 500
/** The resident memory of a daemon that has nothing to do, whatever it did before. */
export const MEMORY_BYTES_MAX = 256 * MiB
/** Open sockets, and other descriptors that are no files of content, beyond those after the start. */
export const SOCKETS_SLACK = 8
export const DESCRIPTORS_SLACK = 64
