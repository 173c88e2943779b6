// The local API: every route's request, response and event, as schemas. The daemon validates with them and serves them as
// OpenAPI 3.1; the client takes their types alone, so it loads no zod. Paths are absolute; sizes are bytes; times are
// milliseconds since the epoch unless a name says otherwise.

import { z } from '@hono/zod-openapi'
import { CODEC_ID, MEDIA_TYPE } from './codec.ts'
import {
  CODEC_ID_CHARS_MAX,
  KEPT_VERSIONS_MAX,
  MEDIA_TYPE_CHARS_MAX,
  META_BYTES_MAX,
  PROVIDERS_ASKED_MAX,
  REF_BYTES_MAX
} from './limits.ts'

export const size = z.int().nonnegative()
export const time = z.int().nonnegative()
export const peerId = z.string().min(1).max(128).describe('a libp2p PeerId, as a base36 CID')
export const cid = z.string().min(1).max(128).describe('a CIDv1')
const refText = z.string().min(1).max(REF_BYTES_MAX).describe('WORK[@NODE]/PATH, pathmesh://… or ipfs://…')
export const version = z.string().min(1).max(128).describe('a sequence number or a root CID')
const absolutePath = z.string().startsWith('/').max(4096)
const duration = z.int().positive().max(Number.MAX_SAFE_INTEGER)

const codec = z.string().max(CODEC_ID_CHARS_MAX).regex(CODEC_ID).describe('how the value of a Payload is encoded')
const mediaType = z.string().max(MEDIA_TYPE_CHARS_MAX).regex(MEDIA_TYPE).describe("of a Payload's bytes")
/** Null where it is not a Payload. */
const encoding = { codec: codec.nullable(), mediaType: mediaType.nullable() }

export const Kind = z.enum(['file', 'directory', 'symlink'])

/** How bulk bytes travel: over connections of their own, or over the one that carries everything else. */
export const Via = z.enum(['lane', 'stream'])

/** A file as the client sees it, so that the daemon can tell whether it sees the same one (containers, mounts). */
export const Seen = z.object({
  dev: z.string().regex(/^\d+$/),
  ino: z.string().regex(/^\d+$/)
})

export const Meta = z
  .record(z.string(), z.json())
  .refine(
    meta => Buffer.byteLength(JSON.stringify(meta)) <= META_BYTES_MAX,
    `meta is more than ${META_BYTES_MAX} bytes of JSON`
  )
  // Any JSON: described by hand, since the schema of all JSON contains itself.
  .openapi({ type: 'object', additionalProperties: {}, description: `at most ${META_BYTES_MAX} bytes of JSON` })

// --- names and content ---------------------------------------------------------------------------------------------

const cursor = z.string().min(1).max(64).describe('a place in the stream of changes of this node')
const seq = size.describe('counts what became of this name: 1, 2, 3 …')

/** One version of a name. */
export const Name = z.object({
  url: z.string(),
  work: z.string(),
  path: z.string(),
  kind: Kind,
  cid,
  size,
  seq,
  origin: peerId,
  modified: time,
  ...encoding,
  local: z.boolean().describe('whether the bytes are here, whole'),
  conflict: z.literal(true).optional().describe('two versions have this number: its origin runs twice, or was restored')
})

/** What became of a name: a new version, or its end. */
export const VersionChange = Name.extend({
  event: z.literal('version'),
  meta: Meta.nullable(),
  aliasOf: z.string().nullable().describe('of an alias: the URL of the version that it is another name for')
})
export const RetiredChange = z.object({
  event: z.literal('retired'),
  url: z.string(),
  work: z.string(),
  path: z.string(),
  seq,
  origin: peerId,
  modified: time
})
export const Change = z.discriminatedUnion('event', [VersionChange, RetiredChange])

/** A line of `watch`. The first says where it begins; `gap`, that changes were too many to be kept. */
export const WatchEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('watching'), cursor }),
  VersionChange.extend({ cursor }),
  RetiredChange.extend({ cursor }),
  z.object({ event: z.literal('gap'), missed: size.nullable().describe('null where nobody can say'), cursor })
])

/** A node that holds a root, or a part of it. */
export const ProviderLine = z.object({
  peerId,
  name: z.string().nullable(),
  complete: z.boolean(),
  bytes: size
})

/** One entry of a reference: a share, or what lies at a path inside it. */
export const Stat = Name.extend({
  seq: size.nullable().describe('null for ipfs:// references'),
  origin: peerId.nullable(),
  aliasOf: z.string().nullable().describe('of an alias: the URL of the version that it is another name for'),
  root: cid.describe('the share that `cid` lies in, or `cid` itself'),
  sub: z.string().describe('the path inside `root`, empty for the share itself'),
  executable: z.boolean(),
  target: z.string().nullable().describe("a symbolic link's target"),
  meta: Meta.nullable(),
  copies: size.describe('connected nodes that hold all of it, this one included'),
  providers: z.array(peerId)
})

export const Entry = z.object({
  name: z.string(),
  kind: Kind,
  cid,
  size: size.nullable().describe('null for directories'),
  executable: z.boolean(),
  target: z.string().nullable()
})

export const Shared = z.object({
  url: z.string(),
  cid,
  kind: Kind,
  size,
  seq: size,
  origin: peerId,
  kept: z.boolean().describe('whether this version survives a change of the file'),
  copies: size
})

export const ShareRequest = z.object({
  path: absolutePath,
  seen: Seen.optional(),
  as: z.string().min(1).max(REF_BYTES_MAX).optional().describe('WORK/PATH; by default <node>/<basename>'),
  exclude: z.array(z.string().max(4096)).max(1000).optional(),
  dereference: z.boolean().optional(),
  hash: z.enum(['blake3', 'sha2-256']).optional(),
  meta: Meta.optional(),
  keep: z
    .int()
    .nonnegative()
    .max(KEPT_VERSIONS_MAX)
    .optional()
    .describe("versions to keep; in a work's folder 2 by default"),
  written: z
    .array(z.string().max(4096))
    .max(1000)
    .optional()
    .describe(
      'paths inside it, "" for itself, that were written by renaming and are never written again: kept by a link'
    )
})

/** Publishing what changes, as it settles, until the connection ends. */
export const ShareWatchRequest = z
  .object({
    path: absolutePath.optional().describe('a file or directory; without it, the folder of `work`'),
    work: z
      .string()
      .min(1)
      .max(REF_BYTES_MAX)
      .optional()
      .describe('publish each entry of its folder under its own name'),
    seen: Seen.optional(),
    as: z.string().min(1).max(REF_BYTES_MAX).optional(),
    exclude: z.array(z.string().max(4096)).max(1000).optional(),
    dereference: z.boolean().optional(),
    keep: z.int().nonnegative().max(KEPT_VERSIONS_MAX).optional(),
    settleMs: duration.optional().describe('how long nothing changes before it is published'),
    marker: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe('a file whose appearance in a directory says that it is done')
  })
  .refine(({ path, work }) => (path === undefined) !== (work === undefined), 'either `path` or `work` is wanted')

export const AliasRequest = z.object({
  name: z.string().min(1).max(REF_BYTES_MAX).describe('WORK/PATH'),
  ref: refText,
  version: version.optional(),
  meta: Meta.optional().describe('by default that of the version')
})

export const GetRequest = z.object({
  ref: refText,
  version: version.optional(),
  to: absolutePath.optional().describe('where to write it; by default it stays in the store'),
  seenParent: Seen.optional().describe('the directory that `to` lies in'),
  cwd: absolutePath.optional().describe("the caller's working directory, which is never replaced"),
  overwrite: z.boolean().optional(),
  providers: z.array(peerId).max(PROVIDERS_ASKED_MAX).optional().describe('peers to ask first'),
  lease: z.string().max(64).optional().describe('a session: the path stays until it ends; without one, for 7 days'),
  leaseId: z
    .string()
    .regex(/^[A-Za-z0-9_-]{16,64}$/)
    .optional()
    .describe('what the lease is to be called, so that it can be given back although the answer was not read'),
  stallMs: duration.optional(),
  timeoutMs: duration.optional(),
  waitMs: duration.optional().describe('how long to wait for the name, if nobody has published it yet'),
  inline: z.boolean().optional().describe('a small file comes with the answer, and lies at no path')
})

export const Progress = z.object({
  event: z.literal('progress'),
  phase: z.enum([
    'scanning',
    'hashing',
    'indexing',
    'resolving',
    'structure',
    'transferring',
    'waiting',
    'materialising',
    'copying'
  ]),
  bytes: size,
  total: size.nullable(),
  files: size,
  filesTotal: size.nullable(),
  bytesPerSecond: size,
  etaSeconds: z.number().nonnegative().nullable().describe('until all bytes are here; null where that cannot be told'),
  why: z.string().nullable().describe('what it waits for'),
  providers: z
    .array(z.object({ peerId, name: z.string().optional(), bytes: size, bytesPerSecond: size, via: Via }))
    .describe('who sends, those that send most first')
})

export const Got = z.object({
  event: z.literal('done'),
  path: absolutePath,
  ...encoding,
  kind: Kind,
  cid,
  root: cid,
  seq: size.nullable(),
  origin: peerId.nullable(),
  meta: Meta.nullable(),
  modified: time.nullable().optional(),
  size,
  bytesFetched: size,
  seconds: z.number().nonnegative(),
  lease: z.string().nullable(),
  providers: z.array(z.object({ peerId, bytes: size }))
})

export const ShareDone = Shared.extend({
  event: z.literal('done'),
  work: z.string(),
  path: z.string(),
  modified: time,
  meta: Meta.nullable().optional(),
  unchanged: z.boolean()
})

/** The answer to a request that was `inline`, where the content is small. */
export const GotBytes = Got.omit({ event: true, path: true, lease: true }).extend({
  event: z.literal('bytes'),
  bytes: z.base64()
})

/** The body is the encoded value. */
export const PutQuery = z.object({
  as: z.string().min(1).max(REF_BYTES_MAX).describe('WORK/PATH'),
  codec: codec.optional().describe('`bytes` by default'),
  mediaType: mediaType.optional().describe('by default that of the codec, if that is a known one'),
  meta: z.string().max(META_BYTES_MAX).optional().describe('a JSON object'),
  keep: z
    .string()
    .regex(/^[0-9]{1,2}$/)
    .optional()
    .describe('versions to keep, 2 by default')
})

/** What was put. */
export const Put = z.object({
  event: z.literal('done'),
  url: z.string(),
  work: z.string(),
  path: z.string(),
  cid,
  codec,
  mediaType,
  size,
  seq,
  origin: peerId,
  modified: time,
  meta: Meta.nullable(),
  unchanged: z.boolean().describe('the newest version has this value already')
})

export const ProblemBody = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  retryable: z.boolean(),
  details: z.record(z.string(), z.unknown()).optional()
})

/** How a stream of events ends when it fails after its first line. */
export const Failed = z.object({ event: z.literal('error'), error: ProblemBody })

export const ShareEvent = z.discriminatedUnion('event', [Progress, ShareDone, Failed])
export const PutEvent = z.discriminatedUnion('event', [Progress, Put, Failed])
export const GetEvent = z.discriminatedUnion('event', [Progress, Got, GotBytes, Failed])

/** What a watched folder does. After `paused` nothing is published or retired until `resumed`. */
export const FolderEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('watching'), path: absolutePath }),
  Progress,
  ShareDone.extend({ event: z.literal('published') }),
  z.object({ event: z.literal('retired'), url: z.string(), seq: size }),
  z.object({ event: z.literal('failed'), path: absolutePath, error: ProblemBody }),
  z.object({ event: z.literal('paused'), path: absolutePath, error: ProblemBody }),
  z.object({ event: z.literal('resumed'), path: absolutePath }),
  Failed
])

export const RefQuery = z.object({ ref: refText, version: version.optional() })
const switched = z.enum(['true', 'false']).optional()
export const NamesQuery = z.object({
  prefix: z.string().max(REF_BYTES_MAX).optional(),
  versions: z.enum(['newest', 'all']).optional(),
  local: switched.describe('true: only what is here, whole; false: only what is not')
})
export const WatchQuery = z.object({
  prefix: z.string().max(REF_BYTES_MAX).optional().describe('names that begin with it'),
  after: cursor.optional().describe('where an earlier stream ended; without it, only what is new')
})
export const ExistsQuery = RefQuery.extend({ where: z.enum(['anywhere', 'local', 'remote']).optional() })
export const Exists = z.object({ exists: z.boolean() })

export const RefRequest = z.object({ ref: refText, version: version.optional() })
export const Unshared = z.object({ url: z.string(), seq: size })
export const Dropped = z.object({ roots: size, files: size, bytes: size })

/** The first line of a session; later lines are empty objects. Leases taken in its name end when its connection does. */
export const SessionLine = z.object({ session: z.string().optional() })
export const ReleaseRequest = z.object({ lease: z.string().max(64) })
export const Done = z.object({ done: z.literal(true) })

export type Kind = z.infer<typeof Kind>
export type Via = z.infer<typeof Via>
export type Meta = z.infer<typeof Meta>
export type Seen = z.infer<typeof Seen>
export type Name = z.infer<typeof Name>
export type VersionChange = z.infer<typeof VersionChange>
export type RetiredChange = z.infer<typeof RetiredChange>
export type Change = z.infer<typeof Change>
export type WatchEvent = z.infer<typeof WatchEvent>
export type ProviderLine = z.infer<typeof ProviderLine>
export type Stat = z.infer<typeof Stat>
export type Entry = z.infer<typeof Entry>
export type Shared = z.infer<typeof Shared>
export type ShareRequest = z.infer<typeof ShareRequest>
export type ShareWatchRequest = z.infer<typeof ShareWatchRequest>
export type AliasRequest = z.infer<typeof AliasRequest>
export type FolderEvent = z.infer<typeof FolderEvent>
export type NamesQuery = z.infer<typeof NamesQuery>
export type WatchQuery = z.infer<typeof WatchQuery>
export type GetRequest = z.infer<typeof GetRequest>
export type Progress = z.infer<typeof Progress>
export type Put = z.infer<typeof Put>
export type PutQuery = z.infer<typeof PutQuery>
export type Got = z.infer<typeof Got>
export type GotBytes = z.infer<typeof GotBytes>
export type ShareDone = z.infer<typeof ShareDone>
export type ShareEvent = z.infer<typeof ShareEvent>
export type GetEvent = z.infer<typeof GetEvent>
export type Unshared = z.infer<typeof Unshared>
export type Dropped = z.infer<typeof Dropped>
