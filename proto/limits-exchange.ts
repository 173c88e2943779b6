// The bounds and timeouts of moving content between nodes.

import { BLOCK_BYTES_MAX } from './limits-content.ts'

const KiB = 1024
const MiB = 1024 * 1024
const GiB = 1024 * 1024 * 1024

// --- wire ----------------------------------------------------------------------------------------------------------

/** Bytes of a frame's header: 1,024 CIDs of 36 bytes, or the list of 2,048 blocks, with room. */
export const FRAME_HEADER_BYTES_MAX = 256 * KiB
/** Blocks in one answer. */
export const BLOCKS_ANSWER_MAX = 2048
/** Bytes of a frame's payload: an answer to `tree`, and one block beyond it. */
export const FRAME_PAYLOAD_BYTES_MAX = 4 * MiB + BLOCK_BYTES_MAX
/** CIDs in one request. */
export const REQUEST_CIDS_MAX = 1024
/** Bytes after which an answer to `tree` stops; the asker goes on from its frontier. */
export const TREE_ANSWER_BYTES = 4 * MiB
/** Bytes after which an answer to `small` stops. */
export const SMALL_ANSWER_BYTES = MiB
/** Branches looked up at a time for one answer. */
export const BRANCHES_LOOKUPS = 64
/** Leaves that one `leaves` request may ask for. */
export const LEAVES_REQUEST_MAX = 64
/** Leaves that a session asks for in one request: few enough that several are under way, enough that each is worth its message. */
export const LEAVES_REQUEST = 16
/** Small files that a session asks for at a time. */
export const SMALL_REQUEST_FILES = 256
/** How long a peer has for a small answer until another is asked as well, and how many are asked. */
export const HEDGE_MS = 300
export const HEDGED_PEERS_MAX = 8
/** Peers that a caller may name to be asked first. */
export const PROVIDERS_ASKED_MAX = 32
/** Records in one answer. */
export const RECORDS_ANSWER_MAX = 256
/** Requests of one peer that are answered at a time, and that it may have open. */
export const REQUESTS_OPEN_MAX = 64
/** Bytes of answers that one peer is being sent, and their number: what serving it costs in memory. */
export const SERVE_BYTES = 8 * MiB
export const SERVE_REQUESTS = 4
/** Buffers of a leaf's size that are kept to be used again. */
export const LEAF_BUFFERS_KEPT = 16
/** Transfers at a time. */
export const TRANSFERS_MAX = 64
/** Files of transfers that did not end, which another transfer looks for what it needs: each costs some hundred bytes. */
export const UNFINISHED_FILES_MAX = 65_536
/** How long removing something waits for the end of a transfer of it, which may just have been cancelled. */
export const DROP_WAIT_MS = 2_000
/** Transfers that are over and still told of. */
export const TRANSFERS_REMEMBERED = 64
/** Leaves that are on their way ahead of whoever reads a stream of them. */
export const READ_AHEAD_LEAVES = 8
/** Bytes of branches that one reader of remote content keeps. */
export const READER_BRANCHES_BYTES = 32 * MiB
/** Spans in one answer that tells what is held, and bytes of all of them while a root is received. */
export const FOLLOW_SPANS_MAX = 8_192
export const FOLLOW_BYTES_MAX = GiB
/** Leaves of a root, in the order of the walk, that are followed: 2 TiB, in 256 KiB of memory for each who is followed. */
export const FOLLOWED_LEAVES_MAX = 2 ** 21
/** Between two of them. */
export const FOLLOW_MS = 50
/** Bytes given to a stream at once: larger ones block the other streams of a connection. */
export const STREAM_PIECE_BYTES = 256 * KiB

// --- waits ---------------------------------------------------------------------------------------------------------

/** A transfer that verifies no byte for this long has stalled. */
export const STALL_MS = 30_000
/** Reading a part of content has stalled: somebody waits for it at a prompt, and nothing is lost by asking again. */
export const READ_STALL_MS = 20_000
/** A provider that was asked and sends nothing for this long is left for another, or asked again. */
export const PROVIDER_STALL_MS = 12_000
/** The same for structure, the first time, where others can be asked as well; the next time it has twice as long. */
export const STRUCTURE_STALL_MS = 2_000
/** Between two looks for a provider while there is none; and the longest pause for one that failed for now. */
export const PROVIDER_RETRY_MS = 500
export const PROVIDER_RETRY_LAST_MS = 4_000
/** A peer's answer to a question about names, presence or identity. */
export const ASK_MS = 5_000
/** The same, where the answer is only told along with something that is done already: how many copies there are. */
export const COPIES_MS = 1_000
/** Peers that one transfer asks at the same time whether they have something. */
export const ASKED_AT_ONCE = 16
/** Opening a stream to a connected peer. */
export const OPEN_STREAM_MS = 10_000
/** From an inbound connection to its proof of membership: strangers hold a place no longer than this. */
export const HANDSHAKE_MS = 5_000
/** From TCP to a member's proof, when dialling. */
export const DIAL_MS = 10_000
/** Bytes of a frame's payload that are told of as they come. */
export const FRAME_PART_BYTES = 64 * KiB
/** Between the parts of a frame that has begun. */
export const FRAME_MS = 60_000
/** An asker that takes nothing of an answer for this long is cut off. */
export const ANSWER_WRITE_MS = 30_000
/** A daemon's way down; what is not closed then is left to the operating system. */
export const STOP_MS = 5_000
/** A started daemon's way to its ready line. */
export const START_MS = 30_000
/** First and longest wait between two dials of a member. */
export const REDIAL_FIRST_MS = 1_000
export const REDIAL_LAST_MS = 60_000

// --- choosing ------------------------------------------------------------------------------------------------------

/** What may be asked of a peer before it is known how fast it is. */
export const WINDOW_FIRST_BYTES = 4 * MiB
/** What may be asked of a peer: what it sends in so long. */
export const WINDOW_PEER_MS = 1_000
/** What may be asked of a peer that holds all, of what others that receive it will have before long: so it sends each of them something else. */
export const WINDOW_OTHERS_BYTES = 2 * MiB
/** How long such a peer has had nothing else to send before it is asked for that: who answers for it may be slow, or gone. */
export const OTHERS_MS = 3_000
/** The most that may be asked of one peer whose bytes wait on the disk's side of a lane, or in memory. */
export const WINDOW_LANE_BYTES = 32 * MiB
export const WINDOW_STREAM_BYTES = 16 * MiB
/** Bytes that all transfers of a node have asked for and not yet written, shared between them; and the least for one. */
export const WINDOW_ALL_BYTES = 64 * MiB
export const WINDOW_TRANSFER_BYTES = 4 * MiB
/** Units that a transfer has planned and not yet asked for: what it can choose from, at some hundred bytes each. */
export const UNITS_PLANNED_MAX = 1_024
/** What another peer would need for a unit, beyond what an idle one would, before that one is asked as well. */
export const ENDGAME_MS = 250
export const ENDGAME_FACTOR = 2
/** The same for a peer that has all, while others receive from it. */
export const ENDGAME_SHARED_MS = 3_000
/** Units that are planned before the first is asked for, or after so long: something to choose from. */
export const UNITS_CHOICE = 256
export const PUMP_FIRST_MS = 20
/** Between two looks whether somebody with nothing to do can be asked for what others are slow with. */
export const PUMP_MS = 100
/** How many times longer a wait may last while this node, or what a peer sends to another transfer, is the reason of it. */
export const EXCUSED_FACTOR = 20
/** Bytes that have to come for a provider to have made progress: a trickle is none. */
export const PROGRESS_BYTES = 64 * KiB
/** Small files of a root that is being received which can be sent on: each costs some hundred bytes. */
export const SMALL_SERVED_MAX = 65_536

// --- budgets -------------------------------------------------------------------------------------------------------

/** What a rate limit lets pass at once after a rest. */
export const LIMIT_BURST_MS = 100
/** Bytes that pass at a time where a rate is limited: small, so that what passes is even. */
export const LIMIT_PIECE_BYTES = 64 * KiB
/** The lowest and highest rate that can be set, in bytes a second: below the first, no leaf comes within a stall. */
export const RATE_LIMIT_MIN = 64 * KiB
export const RATE_LIMIT_MAX = 1024 * 1024 * MiB
/** Requests for content of all peers that are answered at a time; others wait for their turn. */
export const SERVE_ALL_REQUESTS = 64

// --- strikes -------------------------------------------------------------------------------------------------------

/** Wrong bytes of one peer within STRIKES_MS, after which it is asked for nothing during BAN_MS: one or two may be a bad disk. */
export const STRIKES_MAX = 3
export const STRIKES_MS = 3_600_000
export const BAN_MS = 3_600_000
/** Peers whose strikes are remembered; of more, those longest ago are forgotten. */
export const STRUCK_PEERS_MAX = 1_024

// --- what is told --------------------------------------------------------------------------------------------------

/** Between two lines of one transfer to whoever follows transfers. */
export const TRANSFERS_FOLLOW_MS = 200
/** Peers in one progress event, those that send most. */
export const PROGRESS_PROVIDERS_MAX = 32

// --- lanes ---------------------------------------------------------------------------------------------------------

/** The port that lanes are opened to unless told otherwise. */
export const DEFAULT_LANE_PORT = 4748
/** Worker threads that hold lanes; the first owns the port. */
export const LANE_THREADS = 2
/** From the key of a lane to the connection that uses it up. */
export const LANE_KEY_MS = 10_000
/** Opening a lane, with its question for a key; the stream serves until then. */
export const LANE_OPEN_MS = 5_000
/** A lane without a request for this long is closed. */
export const LANE_IDLE_MS = 30_000
/** After a lane could not be opened, the stream is used for so long before it is tried again. */
export const LANE_RETRY_MS = 60_000
/** How long an order waits for a lane that is being opened, until the stream serves it: a handshake takes a few round trips. */
export const LANE_PATIENCE_MS = 300
/** Orders of small files below this open no lane: the handshake would take longer than they do. */
export const LANE_SMALL_BYTES = 256 * KiB
/** Leaves that the lanes of one thread hold in each direction; a lane that has none may always take one. */
export const LANE_BUFFERS = 32
/** Leaves of one lane that are read ahead or being sent: one of each, and one to spare. */
export const LANE_SEND_BLOCKS = 3
/** Between two tellings of a thread about bytes that came or went. */
export const LANE_TELL_MS = 50
/** A thread that crashed is started again after so long. */
export const LANE_RESTART_MS = 1_000
/** Files whose place is remembered while leaves of them are asked for. */
export const LANE_PLACES_KEPT = 64
/**
 * Bytes that a thread which writes itself writes at a time. Larger writes get larger pieces of memory from the system, which a
 * virtual machine may have to ask its host for.
 */
export const WRITE_PIECE_BYTES = 64 * KiB
/** A leaf that takes longer to write is the last of its file that such a thread waits for. */
export const SLOW_WRITE_MS = 20
/** Leaves that are written at once. */
export const LANE_WRITE_BLOCKS = 4
/** Keys that were issued and are not used yet. */
export const LANE_KEYS_MAX = 256
/** Lanes that one peer is served on, the newest: one, and one that it may have lost; and lanes of all. */
export const LANES_PEER = 2
export const LANES_MAX = 256
