// Watched folders, joined with publishing: one share under its name, or the folder of a work, each entry of which has a name
// of its own. Refuses a work whose home is another node, and pathmesh's own folder.

import { basename } from 'node:path'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Write } from '../store/database.ts'
import type { FolderEvent, ShareDone, ShareRequest, ShareWatchRequest } from '../../proto/api.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { SETTLE_MS } from '../../proto/limits.ts'
import { checkName, checkWork, defaultName } from '../../proto/ref.ts'
import type { OnProgress } from './fetch.ts'
import { urlOf } from './names.ts'
import { OwnFolder, realpathOf } from './own-folder.ts'
import { assertSeen } from './seen.ts'
import { type FolderWatchOptions, watchFolder } from './watch/folder-watch.ts'
import { TEMPORARY_GLOBS } from './watch/ignored.ts'
import { workFolder } from './works.ts'

export interface ShareWatchParts {
  readonly self: string
  readonly nodeName: string
  readonly store: { readonly data: string }
  readonly catalogue: Catalogue<Write>
  readonly clock: Clock
  readonly log: Log
  share(request: ShareRequest, signal: AbortSignal, onProgress: OnProgress): Promise<ShareDone>
  unshare(name: string): Promise<{ url: string; seq: number }>
}

/** Publishes what changes as it settles, until the signal is aborted. */
export async function* watchShared(
  request: ShareWatchRequest,
  parts: ShareWatchParts,
  signal: AbortSignal
): AsyncGenerator<FolderEvent> {
  const { settleMs = SETTLE_MS, marker, exclude, dereference, keep } = request
  const target = await targetOf(request, parts)
  const options = { exclude: [...TEMPORARY_GLOBS, ...(exclude ?? [])], dereference, keep }
  yield* watchFolder(
    {
      clock: parts.clock,
      log: parts.log,
      publish: async ({ path, name }, until, onProgress) => {
        if (request.work !== undefined) await assertHome(request.work, parts)
        return await parts.share({ path, as: name, ...options }, until, onProgress)
      },
      retire: async name => {
        if (request.work !== undefined) await assertHome(request.work, parts)
        return await retire(name, parts)
      },
      published: name => publishedAt(name, parts)
    },
    { target, settleMs, marker, exclude, dereference, signal }
  )
}

async function targetOf(
  { path, work, as, seen }: ShareWatchRequest,
  { nodeName, store, self, catalogue }: ShareWatchParts
): Promise<FolderWatchOptions['target']> {
  if (work !== undefined) {
    checkWork(work)
    const holder = await catalogue.holder(work)
    if (holder?.origin !== self) throw new PathmeshError('NOT_ORIGIN', `${work} does not live here: open it first`)
    return { folder: workFolder(work, store.data), work }
  }
  if (path === undefined) throw new PathmeshError('INVALID_ARGUMENT', 'either `path` or `work` is wanted')
  const guard = await OwnFolder.at(store.data)
  guard.refuse(await realpathOf(path))
  if (seen !== undefined) await assertSeen(path, seen)
  const name = as?.replace(/\/$/, '') ?? defaultName(nodeName, basename(path))
  checkName(name)
  return { unit: { path, name } }
}

/** A work may move while it is watched: from then on only its new home speaks for it. */
async function assertHome(work: string, { catalogue, self }: ShareWatchParts): Promise<void> {
  const holder = await catalogue.holder(work)
  if (holder === undefined || holder.origin === self) return
  const where = catalogue.nodeName(holder.origin) ?? holder.origin
  throw new PathmeshError(
    'WORK_IN_USE',
    `${work} lives on ${where} by now: nothing is published from here, unless it is opened here again`,
    { details: { origin: holder.origin, epoch: holder.epoch } }
  )
}

async function retire(name: string, parts: ShareWatchParts): Promise<{ url: string; seq: number } | undefined> {
  try {
    return await parts.unshare(urlOf({ name, origin: parts.self }, true))
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND', 'NOT_ORIGIN')) return undefined
    throw error
  }
}

/** Own names at `name`, and inside it. */
async function publishedAt(name: string, { catalogue, self }: ShareWatchParts): Promise<string[]> {
  const names: string[] = []
  const isWork = !name.includes('/')
  if (!isWork && (await catalogue.known(name)).some(record => record.name === name && record.origin === self))
    names.push(name)
  for await (const record of catalogue.list(`${name}/`)) if (record.origin === self) names.push(record.name)
  return names
}
