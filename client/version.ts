// A version as programs see it: the facts of one publication, as plain JSON.

import type { Got, GotBytes, Kind, Meta, Put, ShareDone, Stat, VersionChange } from '../proto/api.ts'
import { formatRef, type Ref } from '../proto/ref.ts'

export interface Version {
  /** A reference that is fixed at this version, and names the node that published it. */
  readonly url: string
  /** The content referred to. */
  readonly cid: string
  /** The share that `cid` lies in; `cid` itself when it is the share. */
  readonly root: string
  readonly kind: Kind
  readonly size: number
  /** 1, 2, 3… per name; null for content without a name. */
  readonly seq: number | null
  /** PeerId of the node that published it. */
  readonly origin: string | null
  /** When it was published, in milliseconds since the epoch, where known. */
  readonly modified: number | null
  readonly meta: Meta | null
  /** Of a Payload: the id of the codec that encoded it, and the media type of its bytes. Null for what is none. */
  readonly codec: string | null
  readonly mediaType: string | null
}

/** `ref` fixed at `root`, and at the node that published it, where that is known: a bare name may come to mean another's. */
export function fixed(ref: Ref, root: string, origin: string | null): Ref {
  if (ref.type === 'content') return ref
  return { ...ref, ...(origin === null ? {} : { node: origin }), version: root }
}

/** `ref` without its version. */
export function following(ref: Ref): Ref {
  if (ref.type === 'content') return ref
  const { version: _, ...rest } = ref
  return rest
}

export function versionOfGot(ref: Ref, got: Got | GotBytes): Version {
  const { cid, root, kind, size, seq, origin, meta, codec, mediaType } = got
  const url = formatRef(fixed(ref, root, origin))
  return { url, cid, root, kind, size, seq, origin, modified: got.modified ?? null, meta, codec, mediaType }
}

export function versionOfStat(ref: Ref, stat: Stat): Version {
  const { cid, root, kind, size, seq, origin, modified, meta, codec, mediaType } = stat
  const url = formatRef(fixed(ref, root, origin))
  return { url, cid, root, kind, size, seq, origin, modified, meta, codec, mediaType }
}

export function versionOfShare(done: ShareDone, meta: Meta | undefined): Version {
  const { cid, kind, size, seq, origin, modified, work, path } = done
  const url = formatRef({ type: 'name', work, node: origin, path, directory: false, version: cid })
  const none = { codec: null, mediaType: null }
  return { url, cid, root: cid, kind, size, seq, origin, modified, meta: done.meta ?? meta ?? null, ...none }
}

export function versionOfPut({ work, path, cid, size, seq, origin, modified, meta, codec, mediaType }: Put): Version {
  const url = formatRef({ type: 'name', work, node: origin, path, directory: false, version: cid })
  return { url, cid, root: cid, kind: 'file', size, seq, origin, modified, meta, codec, mediaType }
}

export function versionOfChange(change: VersionChange): Version {
  const { work, path, cid, kind, size, seq, origin, modified, meta, codec, mediaType } = change
  const url = formatRef({ type: 'name', work, node: origin, path, directory: false, version: cid })
  return { url, cid, root: cid, kind, size, seq, origin, modified, meta, codec, mediaType }
}
