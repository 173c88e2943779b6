// Names as users see them: listed, with what became of them, and as it goes on. Asks nobody: the catalogue knows.

import type { Catalogue } from '../catalogue/catalogue.ts'
import type { NameRecord, VersionRecord } from '../catalogue/record.ts'
import type { Write } from '../store/database.ts'
import type { Store } from '../store/store.ts'
import type { Change, Name, NamesQuery, WatchEvent, WatchQuery } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { formatRef } from '../../proto/ref.ts'

export interface NamesParts {
  readonly store: Pick<Store, 'holdings' | 'inline'>
  readonly catalogue: Catalogue<Write>
}

/** Names that begin with a prefix, in order; with their earlier versions behind them, the latest first, if wanted. */
export async function* listNames(
  { prefix = '', versions = 'newest', local }: NamesQuery,
  parts: NamesParts,
  signal: AbortSignal
): AsyncGenerator<Name> {
  const isWanted = ({ local: isHere }: Name): boolean => local === undefined || isHere === (local === 'true')
  for await (const { record, isAlone } of withNeighbours(parts.catalogue.list(prefix))) {
    signal.throwIfAborted()
    const name = await nameOf(record, urlOf(record, isAlone), parts)
    if (isWanted(name)) yield name
    if (versions === 'newest') continue
    for await (const old of parts.catalogue.history(record.name, record.origin)) {
      if (old.type !== 'version' || old.seq === record.seq) continue
      const earlier = await nameOf(old, versionUrl(old), parts)
      if (isWanted(earlier)) yield earlier
    }
  }
}

/** What became of one name, the latest first. */
export async function* historyOf(
  { name, origin }: Pick<NameRecord, 'name' | 'origin'>,
  parts: NamesParts,
  signal: AbortSignal
): AsyncGenerator<Change> {
  for await (const record of parts.catalogue.history(name, origin)) {
    signal.throwIfAborted()
    yield await changeOf(record, versionUrl(record), parts)
  }
}

/** What becomes of names, after a cursor or from now on. */
export async function* watchNames(
  { prefix = '', after }: WatchQuery,
  parts: NamesParts,
  signal: AbortSignal
): AsyncGenerator<WatchEvent> {
  const { feed } = parts.catalogue
  const from = after === undefined ? feed.position : cursorOf(after)
  yield { event: 'watching', cursor: String(from) }
  for await (const next of feed.after(from, signal)) {
    const cursor = String(next.position)
    if (next.type === 'gap') {
      if (next.name?.startsWith(prefix) !== false) yield { event: 'gap', missed: next.missed, cursor }
      continue
    }
    const { record } = next.signed
    if (record.type !== 'version' && record.type !== 'retirement') continue
    if (!record.name.startsWith(prefix)) continue
    const isAlone = (await parts.catalogue.known(record.name)).every(({ origin }) => origin === record.origin)
    yield { ...(await changeOf(record, urlOf(record, isAlone), parts)), cursor }
  }
}

export const workOf = (name: string): string => name.slice(0, name.indexOf('/'))
export const pathOf = (name: string): string => name.slice(name.indexOf('/') + 1)

/** The URL of a name; with its origin where several nodes have that name. */
export function urlOf({ name, origin }: Pick<NameRecord, 'name' | 'origin'>, isAlone: boolean): string {
  const ref = { type: 'name', work: workOf(name), path: pathOf(name), directory: false } as const
  return formatRef(isAlone ? ref : { ...ref, node: origin })
}

/** The URL of one version. */
export function versionUrl({ name, origin, seq }: Pick<NameRecord, 'name' | 'origin' | 'seq'>): string {
  const base = { type: 'name', work: workOf(name), path: pathOf(name), directory: false } as const
  return formatRef({ ...base, node: origin, version: seq })
}

/** The URL of what an alias is another name for; null for what is none. */
export function aliasOf(record: VersionRecord | null): string | null {
  if (record === null || record.of === null) return null
  const { name, origin, seq, root, path } = record.of
  if (name === '') return formatRef({ type: 'content', cid: root.toString(), path })
  return versionUrl({ name: path === '' ? name : `${name}/${path}`, origin, seq })
}

/** How the value of a Payload is encoded; nulls for what is none. */
export function encodingOf(record: VersionRecord | null): { codec: string | null; mediaType: string | null } {
  return { codec: record?.encoding?.codec ?? null, mediaType: record?.encoding?.mediaType ?? null }
}

async function nameOf(record: VersionRecord, url: string, { store, catalogue }: NamesParts): Promise<Name> {
  const { name, kind, root, size, seq, origin, time, of } = record
  const roots = [root, ...(of === null ? [] : [of.root])]
  return {
    url,
    work: workOf(name),
    path: pathOf(name),
    kind,
    cid: root.toString(),
    size,
    seq,
    origin,
    modified: time,
    ...encodingOf(record),
    local:
      roots.some(cid => store.holdings.of(cid).length > 0) ||
      // Only small content can lie in the index.
      (size <= SMALL_PAYLOAD_BYTES && (await store.inline.get(root)) !== undefined),
    ...((await catalogue.isContested(record)) ? { conflict: true } : {})
  }
}

async function changeOf(record: NameRecord, url: string, parts: NamesParts): Promise<Change> {
  if (record.type === 'version')
    return { event: 'version', ...(await nameOf(record, url, parts)), meta: record.meta, aliasOf: aliasOf(record) }
  const { name, seq, origin, time } = record
  return { event: 'retired', url, work: workOf(name), path: pathOf(name), seq, origin, modified: time }
}

function cursorOf(text: string): number {
  const position = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN
  if (Number.isSafeInteger(position)) return position
  throw new PathmeshError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no cursor: take one from an earlier event`)
}

/** Records in order of names, and whether no other origin has the same one: only then is the name enough to find it. */
async function* withNeighbours(
  records: AsyncIterable<VersionRecord>
): AsyncGenerator<{ record: VersionRecord; isAlone: boolean }> {
  let last: { record: VersionRecord; isShared: boolean } | undefined
  for await (const record of records) {
    const isShared: boolean = last?.record.name === record.name
    if (last !== undefined) yield { record: last.record, isAlone: !last.isShared && !isShared }
    last = { record, isShared }
  }
  if (last !== undefined) yield { record: last.record, isAlone: !last.isShared }
}
