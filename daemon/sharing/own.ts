// Names of this node: sharing what lies on it, and ending that. The order is: indexed, then recorded together with the holding
// that stands behind the record, then acknowledged. Refuses pathmesh's own folder.

import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { VersionRecord } from '../catalogue/record.ts'
import type { Hasher } from '../content/hasher.ts'
import type { Write } from '../store/database.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Store } from '../store/store.ts'
import type { ShareDone, ShareRequest, Unshared } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { checkName, defaultName, formatRef, parseRef } from '../../proto/ref.ts'
import { type OnProgress, progressOf } from './fetch.ts'
import { buildInPlace } from './publish.ts'
import { OwnFolder, realpathOf } from './own-folder.ts'
import { assertSeen } from './seen.ts'

export interface OwnParts {
  readonly self: string
  readonly nodeName: string
  readonly store: Store
  readonly hasher: Hasher
  readonly catalogue: Catalogue<Write>
}

/** Shares a local file or directory in place. When it resolves, a power cut loses nothing of it. */
export async function shareInPlace(
  request: ShareRequest,
  parts: OwnParts,
  signal: AbortSignal,
  onProgress: OnProgress
): Promise<Omit<ShareDone, 'copies'>> {
  const { store, catalogue, hasher } = parts
  const { path, exclude, dereference } = request
  const guard = await OwnFolder.at(parts.store.data)
  guard.refuse(await realpathOf(path))
  const name = request.as?.replace(/\/$/, '') ?? defaultName(parts.nodeName, basename(path))
  checkName(name)
  if (request.seen !== undefined) await assertSeen(path, request.seen)
  const holding = await buildInPlace(
    path,
    { store, hasher },
    {
      hash: request.hash ?? 'blake3',
      exclude,
      dereference,
      signal,
      admit: absolute => guard.refuse(absolute),
      onProgress: progress => onProgress(progressOf(progress))
    }
  )
  signal.throwIfAborted()
  const { record, unchanged } = await catalogue.own.publish(
    { name, root: holding.root, kind: holding.kind, size: holding.size, meta: request.meta ?? null },
    async published => {
      const { record } = published
      const replaced = await outdated(holding, record.name, parts)
      await store.database.commit([
        ...published.writes,
        store.holdings.put(holding),
        ...replaced.map(other => store.holdings.delete(other))
      ])
      for (const other of replaced) store.holdings.forget(other)
      store.holdings.remember(holding)
      return published
    }
  )
  return {
    event: 'done',
    url: urlOf(record, (await catalogue.known(name)).length === 1),
    work: workOf(name),
    path: name.slice(workOf(name).length + 1),
    cid: record.root.toString(),
    kind: record.kind,
    size: record.size,
    seq: record.seq,
    origin: record.origin,
    modified: record.time,
    meta: record.meta,
    kept: false,
    unchanged
  }
}

/**
 * What was held at the same place, and no other name stands for any more: there is something else by now. The same files may
 * be shared in other ways, less some or with another hash, and then each name keeps its own.
 */
async function outdated(holding: Holding, name: string, { store, catalogue }: OwnParts): Promise<Holding[]> {
  const others = [...store.holdings.all()].filter(
    other => other.class === 'in-place' && other.path === holding.path && !other.root.equals(holding.root)
  )
  if (others.length === 0) return []
  const named = new Set<string>()
  for await (const record of catalogue.own.list()) if (record.name !== name) named.add(record.root.toString())
  return others.filter(other => !named.has(other.root.toString()))
}

/** Retires an own name; its files are served no more unless another name shares them. They are not touched. */
export async function unshare(text: string, parts: OwnParts): Promise<Unshared> {
  const ref = parseRef(text)
  const { self, catalogue, store } = parts
  if (ref.type === 'content')
    throw new PathmeshError('INVALID_ARGUMENT', `${text} is content without a name: drop it instead`)
  const name = `${ref.work}/${ref.path}`
  if (ref.node !== undefined && !catalogue.originsCalled(ref.node).includes(self))
    throw new PathmeshError('NOT_ORIGIN', `${name} is published by ${ref.node}: unshare it there`)
  return catalogue.own.retire(name, async (retirement, { root }, writes) => {
    let shared = false
    for await (const other of catalogue.own.list()) shared ||= other.name !== name && other.root.equals(root)
    const holdings = shared ? [] : store.holdings.of(root).filter(holding => holding.class === 'in-place')
    await store.database.commit([...writes, ...holdings.map(holding => store.holdings.delete(holding))])
    for (const holding of holdings) store.holdings.forget(holding)
    return { url: formatRef({ ...ref, directory: false }), seq: retirement.seq }
  })
}

/** The folder of a work of this node, made if it is missing. */
export async function makeWorkFolder(work: string, data: string): Promise<string> {
  checkName(`${work}/x`)
  if (work.includes('/'))
    throw new PathmeshError('INVALID_ARGUMENT', `${JSON.stringify(work)} is no name of a work: it holds a slash`)
  const folder = join(data, 'works', encodeURIComponent(work))
  await mkdir(folder, { recursive: true })
  return folder
}

export const workOf = (name: string): string => name.slice(0, name.indexOf('/'))

/** The URL of a name; with its origin where several nodes have that name. */
export function urlOf({ name, origin }: VersionRecord, isAlone: boolean): string {
  const work = workOf(name)
  const ref = { type: 'name', work, path: name.slice(work.length + 1), directory: false } as const
  return formatRef(isAlone ? ref : { ...ref, node: origin })
}
