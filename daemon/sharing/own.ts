// Names of this node: sharing what lies on it, and ending that. The order is: indexed, then recorded together with the holding
// that stands behind the record, then acknowledged. Refuses pathmesh's own folder.

import { basename, join } from 'node:path'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Published } from '../catalogue/own-publications.ts'
import type { OwnRecords } from '../catalogue/own-records.ts'
import type { Hasher } from '../content/hasher.ts'
import type { Write } from '../store/database.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Store } from '../store/store.ts'
import type { Encoding } from '../../proto/codec.ts'
import type { Meta, ShareDone, ShareRequest, Unshared } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { KEPT_VERSIONS } from '../../proto/limits.ts'
import { checkName, defaultName, formatRef, parseRef } from '../../proto/ref.ts'
import { type OnProgress, progressOf } from './fetch.ts'
import { keepVersion } from './keep.ts'
import type { Retention } from './keep-retention.ts'
import type { KeptVersion, MadeVersion } from './keep-stage.ts'
import { urlOf, workOf } from './names.ts'
import { OwnFolder, realpathOf } from './own-folder.ts'
import { type BuildOptions, buildScanned, scanAll, topOf } from './publish.ts'
import { assertSeen } from './seen.ts'

/** A version that is being kept while it is made may be removed as often before that is given up. */
const PUBLISH_ATTEMPTS = 5

/** What of the catalogue is needed to publish. */
export type OwnCatalogue = Pick<Catalogue<Write>, 'known' | 'originsCalled'> & {
  readonly own: Pick<OwnRecords<Write>, 'admit' | 'publish' | 'retire' | 'namesOf'>
}

export interface OwnParts {
  readonly self: string
  readonly nodeName: string
  readonly store: Store
  readonly hasher: Hasher
  readonly catalogue: OwnCatalogue
  readonly retention: Retention
}

/** What is to be published, and whether it is kept. */
export type Built = KeptVersion & { readonly isKept: boolean }

/** What the caller says of a version. */
export interface Saying {
  readonly meta?: Meta | undefined
  readonly keep?: number | undefined
  readonly encoding?: Encoding | undefined
}

/**
 * Shares a local file or directory: as a version that is kept, in a work's folder and where keeping costs nothing; else where
 * it lies. When it resolves, a power cut loses nothing of it.
 */
export async function share(
  request: ShareRequest,
  parts: OwnParts,
  signal: AbortSignal,
  onProgress: OnProgress
): Promise<Omit<ShareDone, 'copies'>> {
  const { path, exclude, dereference } = request
  const guard = await OwnFolder.at(parts.store.data)
  guard.refuse(await realpathOf(path))
  const name = request.as?.replace(/\/$/, '') ?? defaultName(parts.nodeName, basename(path))
  checkName(name)
  if (request.seen !== undefined) await assertSeen(path, request.seen)
  const options = {
    hash: request.hash ?? 'blake3',
    exclude,
    dereference,
    signal,
    admit: (absolute: string) => guard.refuse(absolute),
    onProgress: (progress: Parameters<BuildOptions['onProgress']>[0]) => onProgress(progressOf(progress))
  } as const
  for (let attempt = 1; ; attempt++) {
    const built = await build(request, parts, options)
    const published = await publish(name, request, built, parts, signal)
    if (published === undefined && attempt < PUBLISH_ATTEMPTS) continue
    if (published === undefined)
      throw new PathmeshError('IN_USE', `${path} was removed from what is kept while it was published: share it again`)
    parts.retention.wake()
    return describe(name, published, built, parts)
  }
}

async function build({ path, keep, written }: ShareRequest, parts: OwnParts, options: BuildOptions): Promise<Built> {
  const entries = await scanAll(path, parts.hasher, options)
  const mayCopy = keep === undefined ? await isInWork(topOf(entries).absolute, parts.store.data) : keep > 0
  const kept =
    keep === 0 ? undefined : await keepVersion(entries, parts, { ...options, mayCopy, written: new Set(written) })
  if (kept !== undefined) return { ...kept, isKept: true }
  return { holding: await buildScanned(entries, parts, options), isKept: false }
}

/** Whether a real path lies in the folder of a work. */
async function isInWork(path: string, data: string): Promise<boolean> {
  const works = join(await realpathOf(data), 'works')
  return path.startsWith(`${works}/`) && path.slice(works.length + 1).includes('/')
}

/**
 * Records a version with the holding behind it, in one batch; with its spare where what was held is held no more. Undefined
 * where that is so, and there is none.
 */
export async function publish(
  name: string,
  saying: Saying,
  built: Built,
  parts: OwnParts,
  signal: AbortSignal
): Promise<Published | undefined> {
  const { holding, made, spare } = built
  let published: Published | undefined
  try {
    published = await record(name, saying, built, parts, signal)
  } catch (error) {
    await spare?.discard()
    throw error
  }
  if (published === undefined && spare !== undefined)
    return publish(name, saying, { ...(await spare.take()), isKept: true }, parts, signal)
  await spare?.discard()
  if (made !== undefined) await tidy(holding, made, parts)
  return published
}

/** Removes what is held beside it and damaged; or itself, where others made the same meanwhile. What is read stays until its root goes. */
async function tidy(holding: Holding, made: MadeVersion, { store, retention }: OwnParts): Promise<void> {
  if (store.holdings.of(holding.root).length <= 1) return
  await retention.exclusive(async () => {
    const isLeft = !(await store.isWanted(holding)) && (await made.isDouble())
    for (const other of isLeft ? [...made.replaces, holding] : made.replaces)
      if (isHeld(other, store) && !store.leases.isRead(other.root)) await store.remove(other)
  })
}

async function record(
  name: string,
  { meta, keep, encoding }: Saying,
  { holding, made, isKept }: Built,
  parts: OwnParts,
  signal: AbortSignal
): Promise<Published | undefined> {
  const { store, catalogue, retention } = parts
  const version = {
    name,
    root: holding.root,
    kind: holding.kind,
    size: holding.size,
    meta,
    ...(encoding === undefined ? {} : { encoding }),
    keep: Math.max(1, keep ?? KEPT_VERSIONS)
  }
  const isInline = holding.class === 'inline'
  const isNew = made !== undefined || !isKept
  let vanished: PathmeshError | undefined
  try {
    signal.throwIfAborted()
    return await catalogue.own.publish(version, async ({ released }) => {
      if (!isNew && !isHeld(holding, store))
        throw (vanished = new PathmeshError('IN_USE', `${name} was removed from what is kept while it was published`))
      const replaced = isInline ? [] : await outdated(holding, name, parts)
      const writes = [
        ...(isNew && !isInline ? [store.holdings.put(holding)] : []),
        ...(made?.writes ?? []),
        ...retention.release(released),
        ...replaced.map(other => store.holdings.delete(other))
      ]
      const apply = (): void => {
        for (const other of replaced) store.holdings.forget(other)
        if (isNew && !isInline) store.holdings.remember(holding)
      }
      return { writes, apply }
    })
  } catch (error) {
    if (error === vanished) return undefined
    if (!isHeld(holding, store)) await made?.discard()
    throw error
  }
}

const isHeld = ({ root, path }: Holding, store: Store): boolean =>
  store.holdings.of(root).some(holding => holding.path === path)

async function describe(
  name: string,
  { record, unchanged }: Published,
  { holding }: Built,
  { store, catalogue }: OwnParts
): Promise<Omit<ShareDone, 'copies'>> {
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
    kept: (await store.holdingsOf(holding.root)).some(({ class: kind }) => kind !== 'in-place'),
    unchanged
  }
}

/**
 * What was held in place where this lies, and no other name stands for any more: there is something else by now. The same
 * files may be shared in other ways, less some or with another hash, and then each name keeps its own.
 */
async function outdated(holding: Holding, name: string, { store, catalogue }: OwnParts): Promise<Holding[]> {
  const outdated: Holding[] = []
  for (const other of store.holdings.at(holding.source ?? holding.path)) {
    if (other.class !== 'in-place' || other.root.equals(holding.root)) continue
    if ((await catalogue.own.namesOf(other.root)).every(own => own === name)) outdated.push(other)
  }
  return outdated
}

/**
 * Retires an own name; its files are served no more unless another name shares them, and are not touched. Versions that were
 * kept for it are removed as soon as nobody reads them.
 */
export async function unshare(text: string, parts: OwnParts): Promise<Unshared> {
  const ref = parseRef(text)
  const { self, catalogue, store, retention } = parts
  if (ref.type === 'content')
    throw new PathmeshError('INVALID_ARGUMENT', `${text} is content without a name: drop it instead`)
  const name = `${ref.work}/${ref.path}`
  if (ref.node !== undefined && !catalogue.originsCalled(ref.node).includes(self))
    throw new PathmeshError('NOT_ORIGIN', `${name} is published by ${ref.node}: unshare it there`)
  const { seq } = await catalogue.own.retire(name, async ({ released }) => {
    const holdings = released.flatMap(root => store.holdings.of(root)).filter(({ class: kind }) => kind === 'in-place')
    const gone = holdings.map(holding => store.holdings.delete(holding))
    const apply = (): void => {
      for (const holding of holdings) store.holdings.forget(holding)
    }
    return { writes: [...gone, ...retention.release(released)], apply }
  })
  retention.wake()
  return { url: formatRef({ ...ref, directory: false }), seq }
}
