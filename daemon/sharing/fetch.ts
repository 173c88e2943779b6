// Getting content by reference: found here and checked, or fetched into the store; then left there on lease, or written to a
// destination. Everything is fixed to one root before the first byte moves.

import { basename as basenameOf, dirname, join, resolve as resolvePath } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { Hasher } from '../content/hasher.ts'
import type { SessionStatus } from '../exchange/session-types.ts'
import type { Transfers } from '../exchange/transfers.ts'
import type { Clock } from '../clock.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Store } from '../store/store.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import type { GetRequest, Got, Progress } from '../../proto/api.ts'
import { checkLocal } from './check-local.ts'
import type { Deliveries } from './deliver.ts'
import { assertSeen } from './seen.ts'
import type { Resolved } from './resolve.ts'
import { StoreDestination } from './store-destination.ts'

export interface FetchParts {
  readonly self: string
  readonly store: Store
  readonly hasher: Hasher
  readonly transfers: Transfers<Holding>
  readonly deliveries: Deliveries
  readonly clock: Clock
  resolve(
    request: Pick<GetRequest, 'ref' | 'version' | 'providers' | 'stallMs'>,
    signal: AbortSignal
  ): Promise<Resolved>
  /** Nodes that hold a root whole. */
  holders(root: CID, signal: AbortSignal): Promise<readonly string[]>
}

export type OnProgress = (progress: Progress) => void

/** What is here: a file or directory with exactly the bytes of `root`, in something that is held. */
interface Local {
  readonly holding: Holding
  readonly path: string
}

/** Answers a `get`. The signal ends the transfer; what was verified stays in the store for the next attempt. */
export async function getContent(
  asked: GetRequest,
  parts: FetchParts,
  signal: AbortSignal,
  onProgress: OnProgress
): Promise<Got> {
  const started = parts.clock.monotonic()
  const request = asked.to === undefined ? asked : { ...asked, to: resolvePath(asked.to) }
  if (request.to !== undefined) {
    if (request.seenParent !== undefined) await assertSeen(dirname(request.to), request.seenParent)
    await parts.deliveries.admit(request.to, { overwrite: request.overwrite ?? false, cwd: request.cwd })
  }
  onProgress(progressOf({ phase: 'resolving' }))
  const resolved = await parts.resolve(request, signal)
  const { entry, record } = resolved
  if (entry.kind === 'symlink')
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${request.ref} is a symbolic link to ${JSON.stringify(entry.target)}: get what it points to, or the directory it lies in`
    )

  const basename = basenameOf(nameOf(resolved) ?? resolved.sub)
  let status: SessionStatus | undefined
  const { local, changed } = await findLocal(resolved, parts, signal)
  // Nobody else has what was shared here and changed: waiting would not bring it back.
  if (changed !== undefined && !(await isElsewhere(resolved, parts, signal))) throw changed
  const found =
    local ??
    (await fetchIt(resolved, request, parts, signal, now => onProgress(progressOf(fromSession((status = now))))))
  const size = entry.kind === 'file' ? entry.size : found.size
  const { to } = request
  if (to !== undefined) {
    let bytes = 0
    const copied = (n: number) => onProgress(progressOf({ phase: 'copying', bytes: (bytes += n), total: size }))
    const delivery = { root: entry.cid, kind: entry.kind, size, from: found.path, branches: parts.store.blocks }
    const options = { overwrite: request.overwrite ?? false, cwd: request.cwd, signal, onBytes: copied }
    await leased(found.holding, parts.store, () => parts.deliveries.deliver(delivery, to, options))
  }
  return {
    event: 'done',
    path: to ?? (await parts.store.named(found.holding, found.path, basename)),
    kind: entry.kind,
    cid: entry.cid.toString(),
    root: resolved.root.toString(),
    seq: record?.seq ?? null,
    origin: record?.origin ?? null,
    meta: record?.meta ?? null,
    ...(record === null ? {} : { modified: record.time }),
    size,
    bytesFetched: status?.bytesFetched ?? 0,
    seconds: (parts.clock.monotonic() - started) / 1000,
    lease: to === undefined ? await lease(found.holding, request.lease, parts.store) : null,
    providers: [...(status?.providers ?? [])]
  }
}

/** What is here already, hashed again where it lies in place. */
async function findLocal(
  resolved: Resolved,
  { store, hasher }: FetchParts,
  signal: AbortSignal
): Promise<{ local?: Local & { size: number }; changed?: PathmeshError }> {
  const { entry, root, sub } = resolved
  let changed: PathmeshError | undefined
  const candidates: { root: CID; sub: string }[] = [{ root: entry.cid, sub: '' }]
  if (sub !== '') candidates.push({ root, sub })
  for (const candidate of candidates) {
    const holding = await store.findHolding(candidate.root)
    if (holding === undefined) continue
    const path = candidate.sub === '' ? holding.path : join(holding.path, candidate.sub)
    const size = entry.kind === 'file' ? entry.size : holding.size
    if (holding.class === 'managed') return { local: { holding, path, size } }
    try {
      await checkLocal(path, entry.cid, store.blocks, hasher, { size, signal })
      return { local: { holding, path, size } }
    } catch (error) {
      // Another node may still have what was shared.
      if (!hasCode(error, 'SOURCE_CHANGED', 'DENIED')) throw error
      changed = error
    }
  }
  return changed === undefined ? {} : { changed }
}

async function isElsewhere({ entry, root }: Resolved, parts: FetchParts, signal: AbortSignal): Promise<boolean> {
  const answers = await Promise.all([root, entry.cid].map(cid => parts.holders(cid, signal)))
  return answers.flat().some(peer => peer !== parts.self)
}

/** What the user calls it; null for content alone. */
function nameOf({ record, sub }: Resolved): string | null {
  if (record === null) return null
  return sub === '' ? record.name : `${record.name}/${sub}`
}

async function fetchIt(
  resolved: Resolved,
  request: GetRequest,
  { self, store, transfers }: FetchParts,
  signal: AbortSignal,
  onStatus: (status: SessionStatus) => void
): Promise<Local & { size: number }> {
  const { entry, root, hints } = resolved
  const name = nameOf(resolved)
  const destination = new StoreDestination(store, entry.cid, basenameOf(name ?? resolved.sub))
  const { held } = await transfers.fetch(
    {
      root: entry.cid,
      within: root,
      hints: [...(request.providers ?? []), ...hints].filter(peer => peer !== self),
      size: entry.kind === 'file' ? entry.size : undefined,
      stallMs: request.stallMs,
      name
    },
    destination,
    { signal, onStatus }
  )
  return { holding: held, path: held.path, size: held.size }
}

/** Nothing is removed under a copy that is being made of it. */
async function leased<T>({ root }: Holding, { leases }: Store, run: () => Promise<T>): Promise<T> {
  const session = leases.openSession()
  leases.take(root, session)
  try {
    return await run()
  } finally {
    leases.closeSession(session)
  }
}

async function lease({ root }: Holding, session: string | undefined, { leases }: Store): Promise<string | null> {
  const taken = session === undefined ? undefined : leases.take(root, session)
  if (taken !== undefined) return taken
  await leases.takeForDays(root)
  return null
}

export function progressOf(progress: Partial<Progress> & Pick<Progress, 'phase'>): Progress {
  return {
    event: 'progress',
    bytes: 0,
    total: null,
    files: 0,
    filesTotal: null,
    bytesPerSecond: 0,
    why: null,
    ...progress
  }
}

function fromSession(status: SessionStatus): Partial<Progress> & Pick<Progress, 'phase'> {
  const { state, bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond, why } = status
  const phase = state === 'done' || state === 'failed' ? 'materialising' : state
  return { phase, bytes: bytesDone, total: bytesTotal, files: filesDone, filesTotal, bytesPerSecond, why }
}
