// Every bound and timeout of pathmesh, named, with its reason. Nothing else in the code sets one.

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const TiB = 1024 * 1024 * MiB

/** The longest time that a timer of Node takes, 24 days. */
export const TIMER_MS_MAX = 2 ** 31 - 1

// --- content -------------------------------------------------------------------------------------------------------

/** Bytes of a leaf, except the last of a file: IPIP-499 `unixfs-v1-2025`. */
export const LEAF_BYTES = MiB
/** Links of a branch of a file: IPIP-499 `unixfs-v1-2025`. */
export const BRANCH_LINKS = 1024
/** A directory whose block would pass this is sharded: IPIP-499 `unixfs-v1-2025` (block bytes, not link bytes). */
export const SHARD_THRESHOLD_BYTES = 256 * KiB
/** Children of a shard: IPIP-499 `unixfs-v1-2025`. */
export const SHARD_FANOUT = 256
/** The largest block that is read or sent: a leaf wrapped in dag-pb, or a shard of long names; Bitswap's cap as well. */
export const BLOCK_BYTES_MAX = 2 * MiB
/** The largest file: three levels of branches and then some; doubles count bytes exactly up to 2^53. */
export const FILE_BYTES_MAX = 256 * TiB
/** Entries of a whole tree: 100,000 is usual; past this a share is a bomb or wants splitting. */
export const TREE_ENTRIES_MAX = 10_000_000
/** Distinct branches of one root. A file of 256 TiB has 263,000; each costs some 100 bytes while it is checked. */
export const TREE_BRANCHES_MAX = 2_000_000
/** Directories one inside the other: beyond PATH_MAX nothing could be written anyway. */
export const TREE_DEPTH_MAX = 256
/** Bytes of one file name: NAME_MAX of every file system in use. */
export const ENTRY_NAME_BYTES_MAX = 255
/** Bytes of a path inside a tree: Linux's PATH_MAX. */
export const TREE_PATH_BYTES_MAX = 4096
/** Bytes of a symbolic link's target: Linux's PATH_MAX. */
export const LINK_TARGET_BYTES_MAX = 4096
/** Characters of a CID in text: base16 of 36 bytes takes 73. */
export const CID_TEXT_CHARS_MAX = 128
/** Bytes of a file that one worker hashes at a time: large enough to hide the message, small enough to spread. */
export const HASH_SEGMENT_BYTES = 64 * MiB
/** Files that one worker is handed at a time, when they are small. */
export const HASH_BATCH_FILES = 256
/** A hashing thread that had no work for this long ends, and gives its memory back. */
export const HASH_IDLE_MS = 5_000

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
/** Leaves that a session asks for at a time: a quarter of its window, so that requests overlap. */
export const LEAVES_REQUEST = 4
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
/** Bytes a session has asked for and not yet written: its memory, and what keeps a link busy. */
export const WINDOW_BYTES = 16 * MiB
/** Bytes of answers that one peer is being sent, and their number: what serving it costs in memory. */
export const SERVE_BYTES = 8 * MiB
export const SERVE_REQUESTS = 4
/** Requests for content that a session has open at a time. */
export const WINDOW_REQUESTS = 8
/** Buffers of a leaf's size that are kept to be used again. */
export const LEAF_BUFFERS_KEPT = 16
/** Transfers at a time. */
export const TRANSFERS_MAX = 64
/** Bytes of branches that one reader of remote content keeps. */
export const READER_BRANCHES_BYTES = 32 * MiB
/** Bytes given to a stream at once: larger ones block the other streams of a connection. */
export const STREAM_PIECE_BYTES = 256 * KiB

// --- waits ---------------------------------------------------------------------------------------------------------

/** A transfer that verifies no byte for this long has stalled. */
export const STALL_MS = 30_000
/** Reading a part of content has stalled: somebody waits for it at a prompt, and nothing is lost by asking again. */
export const READ_STALL_MS = 20_000
/** A provider that was asked and sends nothing for this long is left for another, or asked again. */
export const PROVIDER_STALL_MS = 12_000
/** Between two looks for a provider while there is none; and the longest pause for one that failed for now. */
export const PROVIDER_RETRY_MS = 500
export const PROVIDER_RETRY_LAST_MS = 4_000
/** A peer's answer to a question about names, presence or identity. */
export const ASK_MS = 5_000
/** The same, where the answer is only told along with something that is done already: how many copies there are. */
export const COPIES_MS = 1_000
/** Opening a stream to a connected peer. */
export const OPEN_STREAM_MS = 10_000
/** From an inbound connection to its proof of membership: strangers hold a place no longer than this. */
export const HANDSHAKE_MS = 5_000
/** From TCP to a member's proof, when dialling. */
export const DIAL_MS = 10_000
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
export const LOOKED_UP_MAX = 64
/** Rows in one write to the index. */
export const INDEX_BATCH_ROWS = 4_000
/** Threads that read and write small files, and how long an idle one is kept. */
export const FILE_THREADS = 2
export const FILE_THREAD_IDLE_MS = 2_000
/** Small files in one message to a worker thread. */
export const FILES_IN_A_TASK = 256
/** Files opened, synced or statted at the same time. */
export const FILES_AT_ONCE = 32
/** One sync of a file system: a disk that takes longer is stuck. */
export const SYNC_MS = 900_000
/** Up to so many files are synced one by one; more by syncing their file system. */
export const SYNC_EACH_MAX = 16
/** Bytes of one file after which what was written is sent on its way to the disk, so that the end need not wait for all. */
export const FLUSH_BYTES = 64 * MiB
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
