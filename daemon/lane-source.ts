// What this node serves on lanes: where files of its store lie, and those of roots that it is receiving, so that a thread can read
// them itself. What looks different by now goes through the store's reader, which hashes it again.

import type { CID } from 'multiformats/cid'
import { leafCount } from './content/file-dag.ts'
import { RAW } from './content/multihash.ts'
import type { LaneSource } from './exchange/lanes/lane-serving.ts'
import type { LeavesPlace, SmallPlace } from './exchange/lanes/messages.ts'
import type { Span } from './exchange/provider.ts'
import type { Transfers } from './exchange/transfers.ts'
import type { Turns } from './exchange/turns.ts'
import type { FileFacts } from './store/file-table.ts'
import type { Holding } from './store/holding-table.ts'
import type { Store } from './store/store.ts'
import { PathmeshError } from '../proto/errors.ts'
import { LANE_PLACES_KEPT, LEAF_BYTES } from '../proto/limits.ts'

export function laneSourceOf(
  store: Store,
  transfers: Pick<Transfers<Holding>, 'arriving'>,
  turns: Pick<Turns, 'take'>
): LaneSource {
  /** Of files that are being asked for, where they lie: many requests ask for one. Whoever reads there looks at its stamp. */
  const known = new Map<string, FileFacts>()
  const held = async (file: CID, signal: AbortSignal): Promise<LeavesPlace> => {
    const key = file.toString()
    const before = known.get(key)
    known.delete(key)
    const facts =
      before !== undefined && store.holdings.covers(before.path) ? before : await heldFile(file, store, signal)
    known.set(key, facts)
    for (const oldest of known.keys()) {
      if (known.size <= LANE_PLACES_KEPT) break
      known.delete(oldest)
    }
    read(facts, store)
    return placeOf(facts)
  }
  return {
    leaves: async (file, spans, _peer, signal) => {
      store.leases.served(file)
      const place = arrivingPlace(file, spans, transfers) ?? (await held(file, signal))
      const count = leafCount(place.size)
      if (spans.some(({ from, to }) => from >= to || to > count))
        throw new PathmeshError('INVALID_ARGUMENT', `${file.toString()} has ${count} leaves`)
      return place
    },
    small: cids => smallPlaces(cids, store, transfers),
    leaf: async (file, index) => {
      // It looks different where it was known to lie; another copy may not.
      known.delete(file.toString())
      const { signal } = new AbortController()
      for await (const { bytes } of store.reader.leaves(file, [{ from: index, to: index + 1 }], signal)) return bytes
      throw new PathmeshError('NOT_FOUND', `leaf ${index} of ${file.toString()} is not here`)
    },
    block: cid => store.reader.block(cid),
    // One leaf is sent while the next is read.
    slot: (peer, signal) => turns.take(peer, 2 * LEAF_BYTES, signal)
  }
}

function arrivingPlace(
  file: CID,
  spans: readonly Span[],
  transfers: Pick<Transfers<Holding>, 'arriving'>
): LeavesPlace | undefined {
  const arriving = transfers.arriving(file)
  if (arriving === undefined) return undefined
  for (const { from, to } of spans)
    for (let index = from; index < to; index++)
      if (!arriving.has(index)) throw new PathmeshError('NOT_FOUND', `leaf ${index} has not come here yet`)
  return { path: arriving.absolute, size: arriving.size, stamp: null }
}

/** NOT_FOUND, SOURCE_CHANGED. */
async function heldFile(file: CID, store: Store, signal: AbortSignal): Promise<FileFacts> {
  const [newest] = await store.files.newest([file])
  if (newest?.facts.cid.equals(file) === true && store.holdings.covers(newest.facts.path)) return newest.facts
  for await (const { facts, index } of store.files.places(file)) {
    signal.throwIfAborted()
    if (facts.cid.equals(file) && index !== 'wrapped' && store.holdings.covers(facts.path)) return facts
  }
  // Says why it is not here.
  for await (const _ of store.reader.leaves(file, [{ from: 0, to: 1 }], signal)) break
  throw new PathmeshError('SOURCE_CHANGED', `${file.toString()} has just changed here: ask again`)
}

async function smallPlaces(
  cids: readonly CID[],
  store: Store,
  transfers: Pick<Transfers<Holding>, 'arriving'>
): Promise<SmallPlace[]> {
  const files = await store.files.single(cids)
  return Promise.all(
    cids.map(async (cid, i): Promise<SmallPlace> => {
      const place = files[i]
      // A wrapped leaf is not in its file as it is.
      const isFile = place !== undefined && cid.code === RAW && place.index === 0
      if (!isFile || !store.holdings.covers(place.facts.path)) return elsewhere(cid, store, transfers)
      read(place.facts, store)
      return placeOf(place.facts)
    })
  )
}

/** A small block that no file holds as it is, or that is on its way here. */
async function elsewhere(cid: CID, store: Store, transfers: Pick<Transfers<Holding>, 'arriving'>): Promise<SmallPlace> {
  const block = await store.reader.block(cid)
  if (block !== undefined) return { bytes: block }
  const arriving = transfers.arriving(cid)
  return arriving?.has(0) === true ? { path: arriving.absolute, size: arriving.size, stamp: null } : undefined
}

function read(facts: FileFacts, store: Store): void {
  if (facts.class === 'kept') store.kept.read(facts.path)
}

function placeOf({ path, fingerprint }: FileFacts): LeavesPlace {
  return { path, size: Number(fingerprint.size), stamp: fingerprint }
}
