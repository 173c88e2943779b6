// Every bound and timeout of pathmesh, named, with its reason. Nothing else in the code sets one.

export * from './limits-content.ts'
export * from './limits-exchange.ts'
export * from './limits-works.ts'

const KiB = 1024
const MiB = 1024 * 1024
const GiB = 1024 * 1024 * 1024

/** The longest time that a timer of Node takes, 24 days. */
export const TIMER_MS_MAX = 2 ** 31 - 1

// --- memory --------------------------------------------------------------------------------------------------------

/** How much the old objects of a daemon may grow between two collections: 50 would put trees of 20,000 files above 256 MiB. */
export const HEAP_GROWING_PERCENT = 20
/** Between two looks whether a daemon rests, and the share of one processor up to which it does. */
export const REST_LOOK_MS = 5_000
export const REST_CPU_SHARE = 0.05
/** Half of what young objects of a detached daemon may hold, in MiB: V8's own 16 cost 24 more. */
export const SEMI_SPACE_MIB = 4

// --- names ---------------------------------------------------------------------------------------------------------

/** Bytes of a published name, `work/path`. */
export const NAME_BYTES_MAX = 1024
/** Bytes of a reference in text: a percent-encoded name, a sub-path, a version. */
export const REF_BYTES_MAX = 16 * KiB
/** Segments of a path whose beginnings are looked up as names. */
export const RESOLVE_SEGMENTS_MAX = 64
/** Bytes of `meta` as JSON: it is copied to every node. */
export const META_BYTES_MAX = 4 * KiB
/** Bytes of a signed record: a name, `meta`, and room to grow. */
export const RECORD_BYTES_MAX = 10 * KiB
/** Bytes of a node's human name: a DNS label's. */
export const NODE_NAME_BYTES_MAX = 63

/** Versions of one name that are kept after they were replaced, at most, the newest included. */
export const KEPT_VERSIONS_MAX = 10
/** Versions of one name that a work's folder keeps unless told otherwise: who began with the last one can finish. */
export const KEPT_VERSIONS = 2
/** A version that a peer asked for so recently is kept: it is being fetched. Longer than a pause that a session allows. */
export const KEPT_SERVED_MS = 15_000
/** Earlier records of one name that are remembered. */
export const HISTORY_RECORDS = 10
/** Changes that are remembered for whoever watches; one that is further behind is told of a gap. */
export const FEED_ROWS = 10_000
/** How far a record's number may lie above what is known of its origin: nobody gets there by counting. */
export const NUMBER_STEP_MAX = 2 ** 40
/** Names of one origin: 300 bytes each, on every node. */
export const ORIGIN_NAMES_MAX = 2_000_000
/** Proofs of two records with one number, for each origin. */
export const CONFLICTS_MAX = 16

// --- payloads ------------------------------------------------------------------------------------------------------

/** Characters of a codec's id, and of a media type (RFC 6838: two names of at most 127 characters; a parameter is added). */
export const CODEC_ID_CHARS_MAX = 64
export const MEDIA_TYPE_CHARS_MAX = 255
/** Payloads of up to so many bytes lie in the index and travel with the answer; a file would cost more than they do. */
export const SMALL_PAYLOAD_BYTES = 64 * KiB
/** Between two pieces of a Payload that a program sends: what feeds it may compute for long. */
export const PUT_STALL_MS = 3_600_000
/** Bytes of one piece of memory: more is read in parts. `buffer.constants.MAX_LENGTH` of Node 20. */
export const PAYLOAD_MEMORY_BYTES_MAX = 4 * GiB
/** Rows of one batch of a table: what all readers of Arrow can count. */
export const TABLE_BATCH_ROWS_MAX = 2 ** 31 - 1
/** Arrays and maps inside each other in a value: a parser's stack holds some thousand. */
export const VALUE_DEPTH_MAX = 256
/** Bytes of a safetensors header: what its reference implementation allows. */
export const TENSORS_HEADER_BYTES_MAX = 100_000_000

/** Content of up to so many bytes goes out with its record, to peers that fetched from here so lately: they read what is put. */
export const EAGER_CONTENT_BYTES = 8 * KiB
export const EAGER_MS = 10_000
/** Bytes of it in one message; and those that came and were not read yet. */
export const EAGER_MESSAGE_BYTES = 64 * KiB
export const EAGER_HELD_BYTES = 4 * MiB

// --- reconciliation ------------------------------------------------------------------------------------------------

/** Origins whose records are kept: as many as members. */
export const ORIGINS_MAX = 10_000
/** Heads in one message: some 100 bytes each. */
export const HEADS_MAX = 1_000
/** Own records that travel with the head they changed. */
export const HEADS_RECORDS_MAX = 64
/** Between two tellings of own changes to a peer. */
export const TELL_MS = 50
/** The same, for each connected peer where they are few: telling is work for both sides. */
export const TELL_PEER_MS = 0.5
/** Until records that others told are synced to the disk, all that came meanwhile at once: a crash of the machine before is made good by them. */
export const RECORDS_SYNC_MS = 100
/** Until what was heard from one peer is told to others: most hear it from its origin before. */
export const RELAY_MS = 500
/** Until a telling that failed is tried again, and every peer looked at once more. */
export const RECONCILE_MS = 10_000
/** How long one that publishes waits for connected peers to have heard of it. */
export const ANNOUNCE_MS = 250
/** How long a node that runs a call, or hears of its end, waits to know what the other side knew. */
export const CATCH_UP_MS = 1_000
/** A peer that told of nothing new, or failed, is not asked for the same again for so long. */
export const PULL_REST_MS = 5_000
/** A digest that still differs is waited for so long before all numbers are compared. */
export const LIST_AFTER_MS = 300
/** Exchanges of records under way, in all and with one peer. */
export const PULLS_MAX = 8
export const PULLS_PEER_MAX = 4
/** A peer that does not end within this gives way to another: what it has brought until then is kept. */
export const PULL_MS = 30_000
/** From one page of records to the next. */
export const PAGE_MS = 15_000
/** Records in all answers to one request for those above a number; and entries of a list. The asker goes on from the last. */
export const SINCE_RECORDS_MAX = 4_096
export const LIST_ENTRIES_MAX = 8_192
/** Bytes of all answers to one question about records. */
export const RECORDS_ANSWER_BYTES_MAX = 64 * MiB
/** Numbers in a request for records. */
export const NUMBERS_REQUEST_MAX = 1_000
/** A node that knows others and has heard none of them says so after so long, rather than that a name does not exist. */
export const NOT_SYNCED_MS = 10_000
/** How long a node that was just started waits to be shown records of its own that it lost, before it makes another. */
export const OWN_HEAD_MS = 3_000
/** Between two looks whether a node's addresses are those that it has told. */
export const NODE_RECORD_MS = 30_000

// --- watched folders -----------------------------------------------------------------------------------------------

/** How long nothing may change in a watched folder before it is published. */
export const SETTLE_MS = 5_000
/** A file that was renamed into place, and not written since, is whole after so long. */
export const RENAMED_MS = 200
/** Files and directories of a watched folder. */
export const WATCHED_ENTRIES_MAX = 500_000
/** Between two looks at a root that has vanished. */
export const VANISHED_MS = 1_000

// --- store ---------------------------------------------------------------------------------------------------------

/** Bytes verified between two notes of what has been verified: what a kill costs at most. */
export const CHECKPOINT_BYTES = 16 * MiB
/** Files verified between two such notes. */
export const CHECKPOINT_FILES = 512
/** Bytes of the disk that are kept for opening the index when nothing else is free: two log files and a manifest. */
export const RESERVE_BYTES = 8 * MiB
/** Between two attempts to open an index that a full disk closed. */
export const REOPEN_MS = 1_000
/** Files looked up in the index at a time. */
export const INDEX_LOOKUPS = 1_000
/** Rows that are read on the main thread at a time. */
export const LOOKED_UP_MAX = 256
/** Rows in one write to the index, which is one wait for the disk: some 2 MB. */
export const INDEX_BATCH_ROWS = 16_000
/** Threads that read and write small files, and how long an idle one is kept. */
export const FILE_THREADS = 2
export const FILE_THREAD_IDLE_MS = 2_000
/** Small files in one message to a worker thread. */
export const FILES_IN_A_TASK = 256
/** Files of one transfer of which it is remembered what they looked like when they were written, 300 bytes each; others are looked at. */
export const LOOKS_MAX = 65_536
/** Directories that are read ahead while a tree is scanned, with the first HASH_BATCH_FILES of what is in each. */
export const DIRECTORIES_AHEAD = 4
/** Files opened, synced or statted at the same time. */
export const FILES_AT_ONCE = 32
/** One sync of a file system: a disk that takes longer is stuck. */
export const SYNC_MS = 900_000
/** Up to so many files are synced one by one; more by syncing their file system. */
export const SYNC_EACH_MAX = 16
/** Bytes of one file after which what was written is sent on its way to the disk, so that the end need not wait for all. */
export const FLUSH_BYTES = 16 * MiB
/** Large files of one transfer that are open at the same time. */
export const PARTIAL_FILES_OPEN = 16
/** Bytes copied at a time to a destination that cannot share them. */
export const COPY_BYTES = MiB
/** Free bytes that a transfer leaves on the disk, for the index. */
export const DISK_RESERVE_BYTES = 16 * MiB
/** How long a path that the command was given stays. */
export const COMMAND_LEASE_MS = 7 * 24 * 3_600_000

// --- peers ---------------------------------------------------------------------------------------------------------

export const PEERS_MAX = 300
/** Addresses kept and dialled for one member. */
export const PEER_ADDRESSES_MAX = 16
/** Members remembered. */
export const MEMBERS_MAX = 10_000
/** The whole of a handshake message: a certificate is some hundred bytes. */
export const CREDENTIALS_BYTES_MAX = 4 * KiB

// --- swarm ---------------------------------------------------------------------------------------------------------

/** The port that a daemon listens on unless told otherwise. */
export const DEFAULT_PORT = 4747
/** What one stream may have under way: yamux's largest window. */
export const STREAM_WINDOW_BYTES = 4 * MiB
/** A paused stream's buffer in libp2p: a window and a half, or a paused stream is aborted; twice, to be sure. */
export const STREAM_BUFFER_BYTES_MAX = 2 * STREAM_WINDOW_BYTES
/** Bytes read ahead of the reader, after which the stream is paused; and those at which it goes on. */
export const READ_AHEAD_BYTES = 2 * MiB
export const READ_AHEAD_LOW_BYTES = MiB / 2
/** Writes of one stream that wait for their turn. */
export const STREAM_WRITERS_MAX = 256
/** What a socket takes before it says that it is full: the default of 16 KiB costs a turn of the event loop each. */
export const SOCKET_BUFFER_BYTES = MiB
/** Streams of one protocol on one connection, each way. */
export const STREAMS_MAX = 128
/** From the end of our way to the end of the other: a stream that nobody reads is aborted then. */
export const STREAM_CLOSE_MS = 5_000
/** Inbound connections that have not yet proven membership; a port scan fills these and no more. */
export const PENDING_CONNECTIONS_MAX = 200
/** Connections from one address in a second: a hundred nodes may sit behind one. */
export const CONNECTIONS_PER_SECOND_MAX = 256
/** Connections to one peer: both sides dialling at once makes two. */
export const CONNECTIONS_PER_PEER_MAX = 4
/** Members dialled at the same time. */
export const DIALS_AT_ONCE = 8
/** Strangers announced on the local network that are tried at the same time. */
export const CANDIDATES_MAX = 64
/** Between two pings of a peer; they measure its latency. */
export const PING_MS = 10_000
/** A peer that was pinged and sent nothing at all for this long is hung up: it may be unplugged. */
export const PEER_SILENT_MS = 60_000
/** Until a socket without traffic asks whether the other side lives. */
export const SOCKET_KEEPALIVE_MS = 30_000
/** Characters of an invite: 16 addresses with DNS names, keys, and room. */
export const INVITE_CHARS_MAX = 12 * KiB
