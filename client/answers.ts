// The form of every answer of the local API, read by hand-written readers. The types are those of proto/: where the two differ,
// this does not compile. Works, and what the node says of itself, have files of their own.

import type * as Api from '../proto/api.ts'
import { PathmeshError } from '../proto/errors.ts'
import {
  byEvent,
  flag,
  list,
  literal,
  meta,
  nullable,
  number,
  object,
  optional,
  text,
  yes,
  type Read
} from './shape.ts'
import type { FolderEvent } from './share-watch.ts'

const kind = literal('file', 'directory', 'symlink')
const provider = object({ peerId: text, bytes: number })
const via = literal('lane', 'stream')

const encoding = { codec: nullable(text), mediaType: nullable(text) }

const nameFields = {
  url: text,
  work: text,
  path: text,
  kind,
  cid: text,
  size: number,
  seq: number,
  origin: text,
  modified: number,
  ...encoding,
  local: flag,
  conflict: optional(yes)
}

export const name: Read<Api.Name> = object(nameFields)

const versionFields = {
  event: literal('version'),
  ...nameFields,
  meta: nullable(meta),
  aliasOf: nullable(text)
}
const retiredFields = {
  event: literal('retired'),
  url: text,
  work: text,
  path: text,
  seq: number,
  origin: text,
  modified: number
}

export const change: Read<Api.Change> = byEvent<Api.Change>({
  version: object(versionFields),
  retired: object(retiredFields)
})

export const watchEvent: Read<Api.WatchEvent> = byEvent<Api.WatchEvent>({
  watching: object({ event: literal('watching'), cursor: text }),
  version: object({ ...versionFields, cursor: text }),
  retired: object({ ...retiredFields, cursor: text }),
  gap: object({ event: literal('gap'), missed: nullable(number), cursor: text })
})

export const providerLine: Read<Api.ProviderLine> = object({
  peerId: text,
  name: nullable(text),
  complete: flag,
  bytes: number
})

export const stat: Read<Api.Stat> = object({
  ...nameFields,
  seq: nullable(number),
  origin: nullable(text),
  aliasOf: nullable(text),
  root: text,
  sub: text,
  executable: flag,
  target: nullable(text),
  meta: nullable(meta),
  copies: number,
  providers: list(text)
})

export const entry: Read<Api.Entry> = object({
  name: text,
  kind,
  cid: text,
  size: nullable(number),
  executable: flag,
  target: nullable(text)
})

export const progress: Read<Api.Progress> = object({
  event: literal('progress'),
  phase: literal(
    'scanning',
    'hashing',
    'indexing',
    'resolving',
    'structure',
    'transferring',
    'waiting',
    'materialising',
    'copying'
  ),
  bytes: number,
  total: nullable(number),
  files: number,
  filesTotal: nullable(number),
  bytesPerSecond: number,
  etaSeconds: nullable(number),
  why: nullable(text),
  providers: list(object({ peerId: text, name: optional(text), bytes: number, bytesPerSecond: number, via }))
})

const sharedFields = {
  url: text,
  cid: text,
  kind,
  size: number,
  seq: number,
  origin: text,
  kept: flag,
  copies: number
}

export const shared: Read<Api.Shared> = object(sharedFields)

const publishedFields = {
  ...sharedFields,
  work: text,
  path: text,
  modified: number,
  meta: optional(nullable(meta)),
  unchanged: flag
}

const shareDone: Read<Api.ShareDone> = object({ event: literal('done'), ...publishedFields })

const gotFields = {
  ...encoding,
  kind,
  cid: text,
  root: text,
  seq: nullable(number),
  origin: nullable(text),
  meta: nullable(meta),
  modified: optional(nullable(number)),
  size: number,
  bytesFetched: number,
  seconds: number,
  providers: list(provider)
}

const got: Read<Api.Got> = object({ event: literal('done'), path: text, lease: nullable(text), ...gotFields })
const gotBytes: Read<Api.GotBytes> = object({ event: literal('bytes'), bytes: text, ...gotFields })

const eventName = object({ event: literal('progress', 'done', 'bytes', 'error') })
const failed = object({ event: literal('error'), error: (value: unknown) => value })

const problem: Read<PathmeshError> = value => PathmeshError.fromProblem(value)

export const folderEvent: Read<FolderEvent> = byEvent<FolderEvent>({
  watching: object({ event: literal('watching'), path: text }),
  progress,
  published: object({ event: literal('published'), ...publishedFields }),
  retired: object({ event: literal('retired'), url: text, seq: number }),
  failed: object({ event: literal('failed'), path: text, error: problem }),
  paused: object({ event: literal('paused'), path: text, error: problem }),
  resumed: object({ event: literal('resumed'), path: text })
})

/** A reader of one event of a stream; an event that tells of a failure is thrown. */
function eventOf<D>(done: Read<D>): Read<Api.Progress | D> {
  return (value, where) => {
    const { event } = eventName(value, where)
    if (event === 'progress') return progress(value, where)
    if (event !== 'error') return done(value, where)
    throw PathmeshError.fromProblem(failed(value, where).error)
  }
}

export const shareEvent: Read<Api.Progress | Api.ShareDone> = eventOf(shareDone)
export const getEvent: Read<Api.Progress | Api.Got> = eventOf(got)
export const getInlineEvent: Read<Api.Progress | Api.Got | Api.GotBytes> = eventOf(
  byEvent<Api.Got | Api.GotBytes>({ done: got, bytes: gotBytes })
)

const put: Read<Api.Put> = object({
  event: literal('done'),
  url: text,
  work: text,
  path: text,
  cid: text,
  codec: text,
  mediaType: text,
  size: number,
  seq: number,
  origin: text,
  modified: number,
  meta: nullable(meta),
  unchanged: flag
})

export const putEvent: Read<Api.Progress | Api.Put> = eventOf(put)

export const exists: Read<{ exists: boolean }> = object({ exists: flag })
export const unshared: Read<Api.Unshared> = object({ url: text, seq: number })
export const dropped: Read<Api.Dropped> = object({ roots: number, files: number, bytes: number })
export const session: Read<{ session: string }> = object({ session: text })
