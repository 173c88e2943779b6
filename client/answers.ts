// The form of every answer of the local API, read by hand-written readers. The types are those of proto/api.ts: where the
// two differ, this does not compile.

import type * as Api from '../proto/api.ts'
import { PathmeshError } from '../proto/errors.ts'
import { flag, list, literal, meta, nullable, number, object, optional, text, type Read } from './shape.ts'

const kind = literal('file', 'directory', 'symlink')
const provider = object({ peerId: text, bytes: number })

const transfer = object({
  root: text,
  name: nullable(text),
  state: literal('resolving', 'structure', 'transferring', 'waiting', 'materialising', 'done', 'failed'),
  why: nullable(text),
  bytesDone: number,
  bytesTotal: nullable(number),
  filesDone: number,
  filesTotal: nullable(number),
  bytesPerSecond: number,
  providers: list(provider)
}) satisfies Read<Api.Transfer>

export const status: Read<Api.Status> = object({
  peerId: text,
  name: text,
  meshId: text,
  addresses: list(text),
  version: text,
  uptimeSeconds: number,
  synced: flag,
  peers: number,
  names: number,
  storage: object({
    roots: number,
    inPlaceBytes: number,
    storedBytes: number,
    partialBytes: number,
    freeBytes: number
  }),
  transfers: list(transfer)
})

export const invite: Read<Api.Invite> = object({ invite: text, expires: nullable(number) })

export const peer: Read<Api.Peer> = object({
  peerId: text,
  name: nullable(text),
  addresses: list(text),
  connected: flag,
  lane: nullable(literal('stream')),
  latencyMs: nullable(number),
  bytesIn: number,
  bytesOut: number
})

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
  local: flag
}

export const name: Read<Api.Name> = object(nameFields)

export const stat: Read<Api.Stat> = object({
  ...nameFields,
  seq: nullable(number),
  origin: nullable(text),
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

const progress: Read<Api.Progress> = object({
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
  why: nullable(text)
})

const shareDone: Read<Api.ShareDone> = object({
  event: literal('done'),
  url: text,
  cid: text,
  kind,
  size: number,
  seq: number,
  origin: text,
  kept: flag,
  copies: number,
  work: text,
  path: text,
  modified: number,
  meta: optional(nullable(meta)),
  unchanged: flag
})

const got: Read<Api.Got> = object({
  event: literal('done'),
  path: text,
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
  lease: nullable(text),
  providers: list(provider)
})

const eventName = object({ event: literal('progress', 'done', 'error') })
const failed = object({ event: literal('error'), error: (value: unknown) => value })

/** A reader of one event of a stream; an event that tells of a failure is thrown. */
function eventOf<D>(done: Read<D>): Read<Api.Progress | D> {
  return (value, where) => {
    const { event } = eventName(value, where)
    if (event === 'progress') return progress(value, where)
    if (event === 'done') return done(value, where)
    throw PathmeshError.fromProblem(failed(value, where).error)
  }
}

export const shareEvent: Read<Api.Progress | Api.ShareDone> = eventOf(shareDone)
export const getEvent: Read<Api.Progress | Api.Got> = eventOf(got)

export const exists: Read<{ exists: boolean }> = object({ exists: flag })
export const unshared: Read<Api.Unshared> = object({ url: text, seq: number })
export const dropped: Read<Api.Dropped> = object({ roots: number, files: number, bytes: number })
export const workFolder: Read<Api.WorkFolder> = object({ work: text, origin: text, folder: text })
export const session: Read<{ session: string }> = object({ session: text })
