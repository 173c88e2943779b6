// Reads blocks from wherever they lie here. It refuses to hand out what a file no longer holds: a file whose size or time
// of writing differs from what was hashed is hashed again leaf by leaf, and withdrawn at the first leaf that is wrong.

import type { FileHandle } from 'node:fs/promises'
import type { CID } from 'multiformats/cid'
import { leafCount, leafRange, wrapLeaf } from '../content/file-dag.ts'
import { leafAt } from '../content/leaves.ts'
import { DAG_PB, hashNameOf, RAW } from '../content/multihash.ts'
import { verify } from '../content/verify.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { FILES_IN_A_TASK, SMALL_ANSWER_BYTES } from '../../proto/limits.ts'
import type { BranchTable } from './branch-table.ts'
import type { Database } from './database.ts'
import type { FilePool } from './file-pool.ts'
import type { FileFacts, FileTable, Place } from './file-table.ts'
import type { ReadOrder } from './file-worker.ts'
import type { InlineTable } from './inline-table.ts'
import { looksUnchanged, openToRead, readFully } from './read-file.ts'

/** A range of leaf indexes: `from` up to, but not including, `to`. */
export interface LeafRange {
  readonly from: number
  readonly to: number
}

export interface ReadLeaf {
  readonly index: number
  readonly bytes: Uint8Array
}

export interface SmallBlock {
  readonly cid: CID
  /** Undefined where it is not here. */
  readonly bytes: Uint8Array | undefined
}

interface WantedBlock {
  readonly cid: CID
  /** The block itself, where it lies in the index. */
  readonly inline: Uint8Array | undefined
  readonly place: Place | undefined
}

export interface ReaderComponents {
  readonly database: Database
  readonly branches: BranchTable
  readonly inline: InlineTable
  readonly files: FileTable
  readonly pool: FilePool
  /** Whether a file at this path may be handed out. */
  readonly isHeld: (path: string) => boolean
  /** Told of every file that is read for somebody. */
  readonly onRead: (facts: FileFacts) => void
  /** Told when a file turns out to hold something else than what was published. */
  readonly onWithdrawn: (facts: FileFacts) => void
}

export class ContentReader {
  readonly #parts: ReaderComponents

  constructor(parts: ReaderComponents) {
    this.#parts = parts
  }

  /** Any block by its CID, verified: a branch, a leaf, or a wrapped leaf. Undefined where it is not here, or no longer. */
  async block(cid: CID): Promise<Uint8Array | undefined> {
    if (cid.code === DAG_PB) {
      const branch = await this.#parts.branches.get(cid)
      if (branch !== undefined) return branch
    }
    const inline = await this.#parts.inline.get(cid)
    if (inline !== undefined) return inline
    for await (const place of this.#places(cid)) {
      const block = await this.#blockAt(cid, place)
      if (block !== undefined) return block
    }
    return undefined
  }

  /**
   * Blocks that are small files, in the order asked, some at a time: up to SMALL_ANSWER_BYTES, or one. They are not hashed
   * while their file looks as it did: whoever receives them hashes them.
   */
  async *small(cids: readonly CID[]): AsyncGenerator<readonly SmallBlock[]> {
    let [some, bytes]: [WantedBlock[], number] = [[], 0]
    for (let at = 0; at < cids.length; at += FILES_IN_A_TASK) {
      const next = cids.slice(at, at + FILES_IN_A_TASK)
      for (const one of await this.#wantedBlocks(next)) {
        const size = one.inline?.length ?? Number(one.place?.facts.fingerprint.size ?? 0)
        if (some.length >= FILES_IN_A_TASK || (some.length > 0 && bytes + size > SMALL_ANSWER_BYTES)) {
          yield await this.#readSmall(some)
          ;[some, bytes] = [[], 0]
        }
        some.push(one)
        bytes += size
      }
    }
    if (some.length > 0) yield await this.#readSmall(some)
  }

  /**
   * Leaves of a file in the order asked. Not hashed while the file looks as it did. NOT_FOUND if no such file is here,
   * SOURCE_CHANGED if it holds something else by now: then it is withdrawn.
   */
  async *leaves(file: CID, ranges: readonly LeafRange[], signal: AbortSignal): AsyncGenerator<ReadLeaf> {
    let failure: PathmeshError | undefined
    for await (const place of this.#places(file)) {
      if (!place.facts.cid.equals(file) || place.index === 'wrapped') continue
      this.#parts.onRead(place.facts)
      try {
        yield* this.#leavesOf(place, ranges, signal)
        return
      } catch (error) {
        // Another copy may serve, but what was handed out already must not be handed out twice: the asker starts again.
        signal.throwIfAborted()
        if (!hasCode(error, 'SOURCE_CHANGED', 'NOT_FOUND')) throw error
        failure = error
      }
    }
    if (failure !== undefined) throw failure
    // Its structure is known and no file has it: it was withdrawn.
    if ((await this.#parts.branches.get(file)) !== undefined)
      throw new PathmeshError('SOURCE_CHANGED', `${file.toString()} changed here since it was shared: share it again`)
    throw new PathmeshError('NOT_FOUND', `${file.toString()} is not held here`)
  }

  /** Hashes one leaf again after a receiver said it was wrong; withdraws the files in which it is. */
  async recheck(file: CID, index: number): Promise<boolean> {
    let [withdrawn, isGood] = [false, false]
    for await (const place of this.#places(file)) {
      if (!place.facts.cid.equals(file)) continue
      if (place.index === 'wrapped') {
        if ((await this.#blockAt(file, place)) === undefined) withdrawn = true
        else isGood = true
        continue
      }
      const leaf = await leafAt(file, index, this.#parts.branches, { size: Number(place.facts.fingerprint.size) })
      if (leaf === undefined) continue
      if ((await this.#leafAt(place, leaf)) === undefined) withdrawn = true
      else isGood = true
    }
    // Of two who complain, the second finds it withdrawn already.
    return withdrawn || !isGood
  }

  async #wantedBlocks(cids: readonly CID[]): Promise<WantedBlock[]> {
    const inline = await this.#parts.inline.getMany(cids)
    const places = await this.#smallFiles(cids.filter((_, i) => inline[i] === undefined))
    return cids.map((cid, i) => ({
      cid,
      inline: inline[i],
      place: inline[i] === undefined ? places.shift() : undefined
    }))
  }

  async #readSmall(wanted: readonly WantedBlock[]): Promise<SmallBlock[]> {
    const found = wanted.flatMap(({ place }) => (place === undefined ? [] : [place]))
    for (const { facts } of found) this.#parts.onRead(facts)
    const { bytes: all, lengths } = found.length === 0 ? NOTHING_READ : await this.#parts.pool.read(orderOf(found))
    const bytesOf = new Map<Place, Uint8Array>()
    let at = 0
    for (const [i, place] of found.entries()) {
      const length = lengths[i] ?? -1
      if (length < 0) continue
      const bytes = all.subarray(at, (at += length))
      bytesOf.set(place, place.index === 'wrapped' ? wrapLeaf(bytes, hashNameOf(place.facts.cid)).block : bytes)
    }
    const blocks: SmallBlock[] = []
    for (const { cid, inline, place } of wanted) {
      const bytes = inline ?? (place === undefined ? undefined : bytesOf.get(place))
      blocks.push({ cid, bytes: bytes ?? (await this.block(cid)) })
    }
    return blocks
  }

  async *#places(cid: CID): AsyncGenerator<Place> {
    for await (const place of this.#parts.files.places(cid)) if (this.#parts.isHeld(place.facts.path)) yield place
  }

  /** Files that are these blocks as a whole. */
  async #smallFiles(cids: readonly CID[]): Promise<(Place | undefined)[]> {
    if (cids.length === 0) return []
    const found = await this.#parts.files.single(cids)
    return Promise.all(
      cids.map(async (cid, i) => {
        const place = found[i]
        return place !== undefined && this.#parts.isHeld(place.facts.path) ? place : this.#smallFile(cid)
      })
    )
  }

  async #smallFile(cid: CID): Promise<Place | undefined> {
    for await (const place of this.#places(cid))
      if (place.facts.cid.equals(cid) && place.index !== 'whole') return place
    return undefined
  }

  /** The block that is at a place, or undefined: gone, unavailable, or changed and so withdrawn. */
  async #blockAt(cid: CID, place: Place): Promise<Uint8Array | undefined> {
    if (place.index === 'whole') return undefined
    if (place.index === 'wrapped') {
      const data = await this.#readOnce(place, 0, Number(place.facts.fingerprint.size))
      if (data === undefined) return undefined
      return this.#verified(cid, wrapLeaf(data, hashNameOf(cid)).block, place)
    }
    if (cid.code !== RAW) return undefined
    const { offset, length } = leafRange(Number(place.facts.fingerprint.size), place.index)
    const bytes = await this.#readOnce(place, offset, length)
    return bytes === undefined ? undefined : this.#verified(cid, bytes, place)
  }

  async #leafAt(place: Place, leaf: { index: number; cid: CID }): Promise<Uint8Array | undefined> {
    const { offset, length } = leafRange(Number(place.facts.fingerprint.size), leaf.index)
    const bytes = await this.#readOnce(place, offset, length)
    return bytes === undefined ? undefined : this.#verified(leaf.cid, bytes, place)
  }

  async #verified(cid: CID, bytes: Uint8Array, place: Place): Promise<Uint8Array | undefined> {
    try {
      verify(cid, bytes)
      return bytes
    } catch (error) {
      if (!hasCode(error, 'CORRUPT')) throw error
      await this.#withdraw(place)
      return undefined
    }
  }

  async *#leavesOf(place: Place, ranges: readonly LeafRange[], signal: AbortSignal): AsyncGenerator<ReadLeaf> {
    const { facts } = place
    const size = Number(facts.fingerprint.size)
    const indexes = [...indexesOf(ranges, leafCount(size), facts)]
    const handle = await openToRead(facts.path)
    try {
      let unchanged = await looksUnchanged(handle, facts)
      /** What a leaf looks like after it was read is what the next one looks like before. */
      const readLeaf = async (index: number): Promise<ReadLeaf> => {
        const { offset, length } = leafRange(size, index)
        const bytes = Buffer.allocUnsafeSlow(length)
        const whole = await readFully(handle, bytes, offset)
        const before = unchanged
        unchanged = await looksUnchanged(handle, facts)
        if (!whole || !before || !unchanged) await this.#hashAgain(place, index, bytes)
        return { index, bytes }
      }
      // The next leaf is read while one is sent.
      let ahead: Promise<ReadLeaf> | undefined
      for (const [i, index] of indexes.entries()) {
        signal.throwIfAborted()
        const leaf = await (ahead ?? readLeaf(index))
        const next = indexes[i + 1]
        ahead = next === undefined ? undefined : readLeaf(next)
        ahead?.catch(() => undefined)
        yield leaf
      }
    } finally {
      await handle.close()
    }
  }

  /** A file that looks different may still hold this leaf: only its hash tells. */
  async #hashAgain(place: Place, index: number, bytes: Uint8Array): Promise<void> {
    const { cid, fingerprint, path } = place.facts
    const leaf = await leafAt(cid, index, this.#parts.branches, { size: Number(fingerprint.size) })
    if (leaf !== undefined && (await this.#verified(leaf.cid, bytes, place)) !== undefined) return
    throw new PathmeshError('SOURCE_CHANGED', `${path} changed since it was shared: share it again`)
  }

  async #readOnce({ facts }: Place, offset: number, length: number): Promise<Uint8Array | undefined> {
    let handle: FileHandle
    try {
      handle = await openToRead(facts.path)
    } catch (error) {
      if (hasCode(error, 'NOT_FOUND')) return undefined
      throw error
    }
    try {
      const bytes = Buffer.alloc(length)
      await readFully(handle, bytes, offset)
      return bytes
    } finally {
      await handle.close()
    }
  }

  async #withdraw({ fileId, facts }: Place): Promise<void> {
    await this.#parts.database.commit([this.#parts.files.remove(fileId)])
    this.#parts.onWithdrawn(facts)
  }
}

const NOTHING_READ = { bytes: new Uint8Array(0), lengths: new Int32Array(0) }

function orderOf(places: readonly Place[]): ReadOrder {
  const stamps = new BigInt64Array(2 * places.length)
  for (const [i, { facts }] of places.entries()) stamps.set([facts.fingerprint.size, facts.fingerprint.mtimeNs], 2 * i)
  return { paths: places.map(({ facts }) => facts.path), stamps }
}

/** The indexes of ranges in order; INVALID_ARGUMENT where the file has no such leaf. */
function* indexesOf(ranges: readonly LeafRange[], count: number, { cid }: FileFacts): Generator<number> {
  for (const { from, to } of ranges) {
    if (from >= to || to > count)
      throw new PathmeshError('INVALID_ARGUMENT', `${cid.toString()} has ${count} leaves, not ${to}`)
    for (let index = from; index < to; index++) yield index
  }
}
