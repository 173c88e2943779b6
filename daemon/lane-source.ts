// What this node serves on lanes: where files of its store lie, and those of roots that it is receiving, so that a thread can read
// them itself. What looks different by now goes through the store's reader, which hashes it again.

import type { CID } from 'multiformats/cid'
import { stat } from 'node:fs/promises'
import { leafCount } from './content/file-dag.ts'
import { RAW } from './content/multihash.ts'
import { fingerprintOf, sameContentStamp } from './content/fingerprint.ts'
import type { LaneSource } from './exchange/lanes/lane-serving.ts'
import type { LeavesPlace, SmallPlace } from './exchange/lanes/messages.ts'
import type { Span } from './exchange/provider.ts'
import type { Transfers } from './exchange/transfers.ts'
import type { Turns } from './exchange/turns.ts'
import type { FileFacts } from './store/file-table.ts'
import type { Holding } from './store/holding-table.ts'
import type { Store } from './store/store.ts'
import { errno, PathmeshError } from '../proto/errors.ts'
import { LEAF_BYTES } from '../proto/limits.ts'

export function laneSourceOf(
  store: Store,
  transfers: Pick<Transfers<Holding>, 'arriving'>,
  turns: Pick<Turns, 'take'>
): LaneSource {
  return {
    leaves: async (file, spans, _peer, signal) => {
      store.leases.served(file)
      const place = arrivingPlace(file, spans, transfers) ?? (await heldPlace(file, store, signal))
      const count = leafCount(place.size)
      if (spans.some(({ from, to }) => from >= to || to > count))
        throw new PathmeshError('INVALID_ARGUMENT', `${file.toString()} has ${count} leaves`)
      return place
    },
    small: cids => smallPlaces(cids, store, transfers),
    leaf: async (file, index) => {
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

/** A file that looks as it did; else one that does not, and is hashed again. NOT_FOUND, SOURCE_CHANGED. */
async function heldPlace(file: CID, store: Store, signal: AbortSignal): Promise<LeavesPlace> {
  let other: FileFacts | undefined
  for await (const { facts, index } of store.files.places(file)) {
    signal.throwIfAborted()
    if (!facts.cid.equals(file) || index === 'wrapped' || !store.holdings.covers(facts.path)) continue
    other ??= facts
    if (!(await looksSame(facts))) continue
    read(facts, store)
    return placeOf(facts)
  }
  if (other !== undefined) return placeOf(other)
  // Says why it is not here.
  for await (const _ of store.reader.leaves(file, [{ from: 0, to: 1 }], signal)) break
  throw new PathmeshError('SOURCE_CHANGED', `${file.toString()} has just changed here: ask again`)
}

async function smallPlaces(
  cids: readonly CID[],
  store: Store,
  transfers: Pick<Transfers<Holding>, 'arriving'>
): Promise<SmallPlace[]> {
  const inline = await store.inline.getMany(cids)
  const files = await store.files.single(cids)
  return Promise.all(
    cids.map(async (cid, i): Promise<SmallPlace> => {
      const bytes = inline[i]
      if (bytes !== undefined) return { bytes }
      const place = files[i]
      // A wrapped leaf is not in its file as it is.
      if (place !== undefined && cid.code === RAW && place.index === 0 && store.holdings.covers(place.facts.path)) {
        read(place.facts, store)
        return placeOf(place.facts)
      }
      const block = await store.reader.block(cid)
      if (block !== undefined) return { bytes: block }
      const arriving = transfers.arriving(cid)
      return arriving?.has(0) === true ? { path: arriving.absolute, size: arriving.size, stamp: null } : undefined
    })
  )
}

async function looksSame({ path, fingerprint }: FileFacts): Promise<boolean> {
  try {
    return sameContentStamp(fingerprint, fingerprintOf(await stat(path, { bigint: true })))
  } catch (error) {
    if (errno(error) === undefined) throw error
    return false
  }
}

function read(facts: FileFacts, store: Store): void {
  if (facts.class === 'kept') store.kept.read(facts.path)
}

function placeOf({ path, fingerprint }: FileFacts): LeavesPlace {
  return { path, size: Number(fingerprint.size), stamp: fingerprint }
}
