// How an order for small files, and what became of it, travel between threads: a few arrays, since an object for each of many files
// would cost more to hand over than the file costs to write. Refuses nothing: both ends are ours.

import type { CID } from 'multiformats/cid'
import type { Fingerprint } from '../../content/fingerprint.ts'
import { CID_BYTES } from '../../content/multihash.ts'
import { decodeCid } from '../../content/verify.ts'
import type { CameSmall, SmallTarget, WantedSmall } from '../provider.ts'

export interface SmallWish {
  readonly cid: CID
  readonly size: number | undefined
  readonly into: readonly SmallTarget[]
}

/** Wishes as they travel. */
export interface PackedWishes {
  /** CID_BYTES of each. */
  readonly cids: Uint8Array
  /** Of each, NaN where it is not known. */
  readonly sizes: Float64Array
  /** How many files each is written to. */
  readonly targets: Uint32Array
  /** Of all of those files. */
  readonly paths: readonly string[]
  readonly modes: Uint32Array
}

export function packWishes(wanted: readonly WantedSmall[]): PackedWishes {
  const targets = wanted.flatMap(({ into }) => into)
  return {
    cids: Buffer.concat(wanted.map(({ cid }) => cid.bytes)),
    sizes: Float64Array.from(wanted, ({ size }) => size ?? Number.NaN),
    targets: Uint32Array.from(wanted, ({ into }) => into.length),
    paths: targets.map(({ path }) => path),
    modes: Uint32Array.from(targets, ({ mode }) => mode)
  }
}

export function* wishesIn({ cids, sizes, targets, paths, modes }: PackedWishes): Generator<SmallWish> {
  let at = 0
  for (const [i, size] of sizes.entries()) {
    const end = at + (targets[i] ?? 0)
    const into = paths.slice(at, end).map((path, j) => ({ path, mode: modes[at + j] ?? 0 }))
    at = end
    const cid = decodeCid(cids.subarray(i * CID_BYTES, (i + 1) * CID_BYTES))
    yield { cid, size: Number.isNaN(size) ? undefined : size, into }
  }
}

/** Small files that were written, as they travel. */
export interface PackedWritten {
  /** Their places in the order. */
  readonly at: readonly number[]
  /** STAMP_NUMBERS of each file that one of them was written to. */
  readonly stamps: BigInt64Array
}

const STAMP_NUMBERS = 5

/** Those that were written and not told of. */
export class Written {
  #at: number[] = []
  #stamps: bigint[] = []

  /** One of the files that a wish was written to; `end` follows when it was written to all. */
  add({ dev, ino, size, mtimeNs, ctimeNs }: Fingerprint): void {
    this.#stamps.push(dev, ino, size, mtimeNs, ctimeNs)
  }

  /** The wish at this place is fulfilled. */
  end(at: number): void {
    this.#at.push(at)
  }

  /** All of them, if any; they are told of now. */
  take(): PackedWritten | undefined {
    if (this.#at.length === 0) return undefined
    const packed = { at: this.#at, stamps: BigInt64Array.from(this.#stamps) }
    this.#at = []
    this.#stamps = []
    return packed
  }
}

/** What was written of an order. */
export function* writtenIn(
  { at: places, stamps }: PackedWritten,
  wanted: readonly WantedSmall[]
): Generator<CameSmall> {
  let next = 0
  for (const at of places) {
    const wish = wanted[at]
    if (wish === undefined) continue
    const looks = wish.into.map(() => lookIn(stamps, STAMP_NUMBERS * next++))
    yield { cid: wish.cid, bytes: undefined, is: 'written', size: Number(looks[0]?.size ?? 0), looks }
  }
}

function lookIn(stamps: BigInt64Array, at: number): Fingerprint {
  const [dev = 0n, ino = 0n, size = 0n, mtimeNs = 0n, ctimeNs = 0n] = stamps.subarray(at, at + STAMP_NUMBERS)
  return { dev: BigInt.asUintN(64, dev), ino: BigInt.asUintN(64, ino), size, mtimeNs, ctimeNs }
}
