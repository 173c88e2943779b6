// Whether a version can still be had: one that was replaced, and that neither its origin nor anybody else who is connected
// has, never comes back. It refuses to say so while the origin cannot be asked.

import type { CID } from 'multiformats/cid'
import type { VersionRecord } from '../catalogue/record.ts'
import type { Clock } from '../clock.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import type { Peers } from '../exchange/sources.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { ASK_MS } from '../../proto/limits.ts'
import type { Settled } from './resolve.ts'

export interface GoneParts {
  readonly self: string
  readonly peers: Peers
  readonly clock: Pick<Clock, 'after'>
  /** Nodes that hold a root whole. */
  holders(root: CID, signal: AbortSignal): Promise<readonly string[]>
  /** The newest version of a name at one origin; undefined if that is retired. */
  readonly newestOf: (name: string, origin: string) => Promise<VersionRecord | undefined>
}

/** VERSION_GONE, naming the newest version, if one was replaced and nobody has it; undefined where it may still be had. */
export async function versionGone(
  { root, record }: Pick<Settled, 'root' | 'record'>,
  newest: VersionRecord | null,
  parts: GoneParts,
  signal: AbortSignal
): Promise<PathmeshError | undefined> {
  if (newest === null) return undefined
  const replacement = await replacementOf(root, record, newest, parts)
  if (replacement === undefined) return undefined
  const origins = new Set([newest.origin, record?.of?.origin ?? newest.origin].filter(origin => origin !== ''))
  const [lost, holders] = await Promise.all([
    Promise.all([...origins].map(origin => hasLost(origin, root, parts, signal))),
    parts.holders(root, signal)
  ])
  if (lost.includes(false) || holders.some(peer => peer !== parts.self)) return undefined
  const wanted = record === null ? root.toString() : `version ${record.seq} of ${record.name}`
  if (replacement === null)
    return new PathmeshError('VERSION_GONE', `${wanted} is an alias of what is published no more, and nobody has it`)
  const { name, seq } = replacement
  const cid = replacement.root.toString()
  return new PathmeshError(
    'VERSION_GONE',
    `${wanted} was replaced, and nobody has it any more: the newest version of ${name} is ${seq} (${cid})`,
    { details: { newest: seq, cid } }
  )
}

/** What has taken its place: of an alias, in the name that it is an alias of. Null if that is retired, undefined if nothing has. */
async function replacementOf(
  root: CID,
  record: VersionRecord | null,
  newest: VersionRecord,
  { newestOf }: GoneParts
): Promise<VersionRecord | null | undefined> {
  const of = record?.of ?? null
  if (of !== null && of.name !== '') {
    const source = await newestOf(of.name, of.origin)
    return source === undefined ? null : source.seq === of.seq ? undefined : source
  }
  if (record === null ? newest.root.toString() === root.toString() : newest.seq === record.seq) return undefined
  return newest
}

/** Whether the origin says that it has not got it. The one who asks has looked for itself. */
async function hasLost(origin: string, root: CID, parts: GoneParts, signal: AbortSignal): Promise<boolean> {
  const { self, peers, clock } = parts
  if (origin === self) return true
  if (!peers.connected().includes(origin)) return false
  try {
    const [has] = await withDeadline(clock, ASK_MS, `asking ${origin}`, signal, async until =>
      (await orAborted(peers.provider(origin), until)).have([root], { signal: until })
    )
    return has === false
  } catch (error) {
    signal.throwIfAborted()
    // It is not known, then.
    if (error instanceof PathmeshError) return false
    throw error
  }
}
