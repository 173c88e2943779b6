// The bounds and timeouts of Works, and of the local API.

import { STALL_MS } from './limits-exchange.ts'

const KiB = 1024
const MiB = 1024 * 1024

// --- works ---------------------------------------------------------------------------------------------------------

/** JSON of the arguments of a call, and of the state of a Work: references and settings, no content. */
export const CALL_ARGS_BYTES_MAX = 256 * KiB
export const WORK_STATE_BYTES_MAX = 256 * KiB
/** JSON of what a run returns: kept for a day, so anything larger is a Payload. */
export const CALL_RESULT_BYTES_MAX = 64 * KiB
/** Calls of one Work that wait for the one that runs. */
export const CALLS_QUEUED_MAX = 16
/** Works hosted by one node at the same time: each is a process. */
export const WORKS_HOSTED_MAX = 256
/** Calls of one caller, and of all, whose outcome a node remembers, and for how long; and calls of which it notes no more than that. */
export const CALLS_KEPT_MAX = 4096
export const CALLS_KEPT_ALL_MAX = 16_384
export const CALL_KEPT_MS = 24 * 3_600_000
export const CALL_NOTES_MAX = 200_000
/** Lines of a run that are kept for whoever asks, and characters of one. */
export const CALL_LOG_LINES_MAX = 1000
export const LOG_LINE_CHARS_MAX = 4096
/** Characters of those lines: what the log of one call costs in memory. */
export const CALL_LOG_CHARS_MAX = MiB
/** Bytes of lines in one answer: with state, result and progress it stays below API_LINE_BYTES_MAX. */
export const CALL_EVENTS_LOG_BYTES = 512 * KiB
/** JSON of the progress of a run: some numbers, a phase and a reason. */
export const CALL_PROGRESS_BYTES_MAX = 4 * KiB
/** Peers in it, those that send most. */
export const CALL_PROGRESS_PROVIDERS_MAX = 8
/** Calls that are over and whose log is still in memory, and for how long: whoever follows them reads the end of it. */
export const CALLS_TOLD_MAX = 16
export const CALL_TOLD_MS = 60_000
/** How long a question for the events of a call waits for one. */
export const CALL_EVENTS_MS = 10_000
/** Until a node says that it took a call; beyond their wait, until it answers a question for events. */
export const CALL_ANSWER_MS = 10_000
/** From the loss of a Work's host, or the start of a daemon, to the end of what ran there: the host may be back. */
export const HOST_BACK_MS = 5_000
/** How long a node that a call runs on may be out of reach, unless the caller says otherwise. */
export const WORK_LOST_MS = 30_000
/** Between two attempts to reach it, or the daemon: the first pause, and the longest, since each is twice the one before. */
export const ASK_AGAIN_MS = 250
export const ASK_AGAIN_MAX_MS = 2_000
/** From starting the process of a Work to its readiness: loading a large framework takes a while. */
export const WORK_READY_MS = 120_000
/** From cancelling a run to the end of its process; and from SIGTERM to SIGKILL, in which it publishes what it has. */
export const CANCEL_MS = 5_000
export const LAST_WORDS_MS = 20_000
/** Between two looks at the state of a Work that runs, for what changed inside its lists and objects. */
export const STATE_LOOK_MS = 500
/** Between two reports of a run. */
export const REPORT_MS = 50
/** How long a host tells the outcome of a run again and again to a daemon that does not take it, and its Work publishes to it. */
export const REPORT_AGAIN_MS = 600_000

// --- local API -----------------------------------------------------------------------------------------------------

/** Bytes of a request's JSON body. */
export const API_BODY_BYTES_MAX = MiB
/** Bytes of a Unix socket's path: sun_path less its NUL (104 on macOS). */
export const SOCKET_PATH_BYTES_MAX = process.platform === 'darwin' ? 103 : 107
/** Between two lines of a stream to a client: a silent one is dead. */
export const HEARTBEAT_MS = 10_000
/** Between two progress lines. */
export const PROGRESS_MS = 100
/** Until the first of them. */
export const PROGRESS_FIRST_MS = 10
/** From a client's first packet to an open connection: the socket is local, so only a full backlog takes time. */
export const API_CONNECT_MS = 5_000
/** Until a daemon says who it is: one that needs longer is stopped, or its machine is. */
export const API_PROBE_MS = 10_000
/** Until a daemon begins or goes on with an answer that is not a stream of events: longer than its own longest wait. */
export const API_ANSWER_MS = 2 * STALL_MS
/** Bytes of a line of a stream to a client: a reference, `meta`, and the peers that have it, with room. */
export const API_LINE_BYTES_MAX = MiB
/** Bytes of a JSON answer: a status with every transfer. */
export const API_ANSWER_BYTES_MAX = 16 * MiB
/** Bytes of a request's line and headers: a name and `meta` in a query, percent-encoded. */
export const API_HEADERS_BYTES_MAX = 64 * KiB
/** From a connection of the local API to the end of its headers. */
export const API_HEADERS_MS = 10_000
/** Requests of all clients answered at the same time. */
export const API_REQUESTS_MAX = 512
/** Values that one program puts, and those that it gets, at the same time; others wait. */
export const CLIENT_PUTS = 64
export const CLIENT_GETS = 128
