// The bounds of content: what a block, a file and a tree may be.

const KiB = 1024
const MiB = 1024 * 1024
const TiB = 1024 * 1024 * 1024 * 1024

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
/** Blocks of a tree that stay opened while it is fetched: some 40,000 entries, of 200 bytes each when opened. */
export const OPENED_BYTES_MAX = 2 * MiB
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
/** Sizes of which the digest of so many zeros is remembered. */
export const ZERO_DIGESTS_KEPT = 64
