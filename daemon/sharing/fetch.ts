// Getting content by reference: found here and checked, or fetched into the store; then left there on lease, or written to a
// destination. Everything is fixed to one root before the first byte moves; where a name is followed and its version goes away
// meanwhile, the newer one is got.

import { basename as basenameOf, dirname, join, resolve as resolvePath } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { Hasher } from '../content/hasher.ts'
import type { SessionStatus } from '../exchange/session-types.ts'
import type { Transfers } from '../exchange/transfers.ts'
import type { Clock } from '../clock.ts'
import type { Holding } from '../store/holding-table.ts'
import { named } from '../store/named.ts'
import type { Store } from '../store/store.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import type { GetRequest, Got, GotBytes, Progress } from '../../proto/api.ts'
import { PROGRESS_PROVIDERS_MAX } from '../../proto/limits.ts'
import { checkLocal } from './check-local.ts'
import type { Deliveries } from './deliver.ts'
import type { Eager } from './eager.ts'
import { type InlineFiles, smallFile } from './inline.ts'
import { fetchFailure } from './fetch-failure.ts'
import { encodingOf } from './names.ts'
import { assertSeen } from './seen.ts'
import type { Resolved, Settled } from './resolve.ts'
import { StoreDestination } from './store-destination.ts'
import { type NameOf, secondsLeft } from './transfer-facts.ts'
import { type GoneParts, versionGone } from './version-gone.ts'

export interface FetchParts extends GoneParts {
  readonly store: Store
  readonly hasher: Hasher
  readonly transfers: Pick<Transfers<Holding>, 'fetch' | 'isRunning'>
  readonly deliveries: Pick<Deliveries, 'admit' | 'deliver'>
  readonly clock: Clock
  readonly eager?: Pick<Eager, 'take'> | undefined
  readonly inlineFiles: Pick<InlineFiles, 'file'>
  readonly catalogue: { nodeName(peer: string): string | undefined }
  /** Settles the version; moves no content. */
  settle(request: GetRequest, signal: AbortSignal): Promise<Settled>
  /** What lies at the path of a reference. */
  find(settled: Settled, request: GetRequest, signal: AbortSignal): Promise<Resolved>
}

/** Versions of a name that are tried, each because the one before went away while it was fetched. */
const VERSIONS_TRIED_MAX = 5

export type OnProgress = (progress: Progress) => void

/** An answer, before it is told how long it took. */
type Answer = Omit<Got, 'seconds'> | Omit<GotBytes, 'seconds'>

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
): Promise<Got | GotBytes> {
  const started = parts.clock.monotonic()
  const request = asked.to === undefined ? asked : { ...asked, to: resolvePath(asked.to) }
  if (request.to !== undefined) {
    if (request.seenParent !== undefined) await assertSeen(dirname(request.to), request.seenParent)
    await parts.deliveries.admit(request.to, { overwrite: request.overwrite ?? false, cwd: request.cwd })
  }
  onProgress(progressOf({ phase: 'resolving' }))
  let settled = await parts.settle(request, signal)
  for (let tried = 1; ; tried++) {
    try {
      const got = await getVersion(settled, request, parts, signal, onProgress)
      return { ...got, seconds: (parts.clock.monotonic() - started) / 1000 }
    } catch (error) {
      if (signal.aborted) throw isStory(error, signal) ? error : signal.reason
      if (!hasCode(error, 'NO_PROVIDERS', 'TIMEOUT', 'SOURCE_CHANGED', 'VERSION_GONE')) throw error
      const now = await parts.settle(request, signal)
      if (now.isFixed || now.root.equals(settled.root) || tried === VERSIONS_TRIED_MAX)
        throw (await versionGone(settled, now.newest, parts, signal)) ?? error
      settled = now
    }
  }
}

/** Whether it is what the signal was aborted with, and tells how far it came. */
function isStory(error: unknown, { reason }: AbortSignal): boolean {
  return hasCode(error, 'TIMEOUT') && error.cause === reason
}

async function getVersion(
  settled: Settled,
  request: GetRequest,
  parts: FetchParts,
  signal: AbortSignal,
  onProgress: OnProgress
): Promise<Answer> {
  const { store } = parts
  const isHere = settled.newest === null || (await store.findHolding(settled.root)) !== undefined
  const gone = isHere ? undefined : await versionGone(settled, settled.newest, parts, signal)
  if (gone !== undefined) throw gone
  const resolved = await parts.find(settled, request, signal)
  // Nothing is removed while it is looked at, or a copy is being made of it.
  return store.leases.looking([resolved.entry.cid, resolved.root], async () => {
    const small =
      request.inline === true ? await smallFile(resolved, request.providers ?? [], parts, signal) : undefined
    if (small === undefined) return getResolved(resolved, request, parts, signal, onProgress)
    const { bytes, from } = small
    const providers = from === null ? [] : [{ peerId: from, bytes: bytes.length }]
    const answered = { event: 'bytes' as const, bytes: Buffer.from(bytes).toString('base64') }
    return { ...factsOf(resolved, bytes.length, providers), ...answered }
  })
}

async function getResolved(
  resolved: Resolved,
  request: GetRequest,
  parts: FetchParts,
  signal: AbortSignal,
  onProgress: OnProgress
): Promise<Omit<Got, 'seconds'>> {
  const { entry } = resolved
  if (entry.kind === 'symlink')
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${request.ref} is a symbolic link to ${JSON.stringify(entry.target)}: get what it points to, or the directory it lies in`
    )
  let status: SessionStatus | undefined
  let running: SessionStatus | undefined
  const nameOf: NameOf = peer => parts.catalogue.nodeName(peer)
  const { local, changed } = await findLocal(resolved, parts, signal)
  // Nobody else has what was shared here and changed: waiting would not bring it back.
  if (changed !== undefined && !(await isElsewhere(resolved, parts, signal))) throw changed
  const found =
    local ??
    (await fetchIt(resolved, request, parts, signal, now => {
      // Not how it was ended.
      if (now.state !== 'failed' && !signal.aborted) running = now
      onProgress(progressOf(fromSession((status = now), nameOf)))
    }).catch((error: unknown) => {
      const last = signal.aborted ? running : status
      throw running === undefined || last === undefined
        ? error
        : fetchFailure(error, { ...last, state: running.state }, nameOf)
    }))
  const size = entry.kind === 'file' ? entry.size : found.size
  const { to } = request
  if (to !== undefined) {
    let bytes = 0
    const copied = (n: number) => onProgress(progressOf({ phase: 'copying', bytes: (bytes += n), total: size }))
    const delivery = { root: entry.cid, kind: entry.kind, size, from: found.path, branches: parts.store.blocks }
    const options = { overwrite: request.overwrite ?? false, cwd: request.cwd, signal, onBytes: copied }
    await parts.deliveries.deliver(delivery, to, options)
  }
  return {
    ...factsOf(resolved, size, status?.providers ?? []),
    event: 'done',
    path: to ?? (await named(found.holding, found.path, basenameIn(resolved))),
    bytesFetched: status?.bytesFetched ?? 0,
    lease: to === undefined ? await lease(found.holding, request, parts.store, signal) : null
  }
}

/** What every answer tells. */
function factsOf(
  { entry, record, root, beyond }: Resolved,
  size: number,
  providers: readonly { readonly peerId: string; readonly bytes: number }[]
): Omit<GotBytes, 'event' | 'bytes' | 'seconds'> {
  return {
    kind: entry.kind,
    cid: entry.cid.toString(),
    root: (record?.root ?? root).toString(),
    seq: record?.seq ?? null,
    origin: record?.origin ?? null,
    meta: record?.meta ?? null,
    ...(record === null ? {} : { modified: record.time }),
    ...encodingOf(beyond === '' ? record : null),
    size,
    bytesFetched: providers.reduce((sum, { bytes }) => sum + bytes, 0),
    providers: providers.filter(({ bytes }) => bytes > 0).map(({ peerId, bytes }) => ({ peerId, bytes }))
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
    for (const holding of await reachable(candidate.root, store)) {
      const path = candidate.sub === '' ? holding.path : join(holding.path, candidate.sub)
      const size = entry.kind === 'file' ? entry.size : holding.size
      if (holding.class === 'managed') return { local: { holding, path, size } }
      try {
        await checkLocal(path, entry.cid, store.blocks, hasher, { size, signal })
        return { local: { holding, path, size } }
      } catch (error) {
        // Another holding or another node may still have what was shared.
        if (!hasCode(error, 'SOURCE_CHANGED', 'DENIED')) throw error
        changed = error
      }
    }
  }
  return changed === undefined ? {} : { changed }
}

/** Holdings of a root that can be reached now: first those that nobody writes to. */
async function reachable(root: CID, store: Store): Promise<Holding[]> {
  const order = ['managed', 'kept', 'in-place']
  const known = store.holdings.of(root).toSorted((a, b) => order.indexOf(a.class) - order.indexOf(b.class))
  const found = await Promise.all(known.map(one => store.findHolding(root, holding => holding === one)))
  return found.filter(holding => holding !== undefined)
}

async function isElsewhere({ entry, root }: Resolved, parts: FetchParts, signal: AbortSignal): Promise<boolean> {
  const answers = await Promise.all([root, entry.cid].map(cid => parts.holders(cid, signal)))
  return answers.flat().some(peer => peer !== parts.self)
}

/** What the user calls it; null for content alone. */
function nameOf({ record, beyond }: Resolved): string | null {
  if (record === null) return null
  return beyond === '' ? record.name : `${record.name}/${beyond}`
}

function basenameIn(resolved: Resolved): string {
  return basenameOf(nameOf(resolved) ?? resolved.sub)
}

async function fetchIt(
  resolved: Resolved,
  request: GetRequest,
  { self, store, transfers, inlineFiles }: FetchParts,
  signal: AbortSignal,
  onStatus: (status: SessionStatus) => void
): Promise<Local & { size: number }> {
  const { entry, root, hints, record, came } = resolved
  const name = nameOf(resolved)
  const of = record === null ? undefined : `${record.origin} ${name}`
  const basename = basenameIn(resolved)
  const inline = await inlineFiles.file(entry.cid, basename)
  if (inline !== undefined) return { holding: inline, path: inline.path, size: inline.size }
  const destination = new StoreDestination(store, entry.cid, { basename, of }, came)
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
  if (of !== undefined) await store.discardOthers(entry.cid, of, other => transfers.isRunning(other.toString()))
  return { holding: held, path: held.path, size: held.size }
}

async function lease(
  { root }: Holding,
  { lease: session, leaseId }: GetRequest,
  { leases }: Store,
  signal: AbortSignal
): Promise<string | null> {
  // Whoever is gone reads nothing.
  signal.throwIfAborted()
  const taken = session === undefined ? undefined : leases.take(root, session, leaseId)
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
    etaSeconds: null,
    why: null,
    providers: [],
    ...progress
  }
}

function fromSession(status: SessionStatus, nameOf: NameOf): Partial<Progress> & Pick<Progress, 'phase'> {
  const { state, bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond, why } = status
  const phase = state === 'done' || state === 'failed' ? 'materialising' : state
  const providers = status.providers
    .filter(provider => provider.bytes > 0 || provider.state === 'sending')
    .sort((a, b) => b.bytesPerSecond - a.bytesPerSecond || b.bytes - a.bytes)
    .slice(0, PROGRESS_PROVIDERS_MAX)
    .map(({ peerId, bytes, bytesPerSecond, via }) => {
      const name = nameOf(peerId)
      return { peerId, ...(name === undefined ? {} : { name }), bytes, bytesPerSecond, via }
    })
  const came = { bytes: bytesDone, total: bytesTotal, files: filesDone, filesTotal }
  return { phase, ...came, bytesPerSecond, etaSeconds: secondsLeft(status), why, providers }
}
