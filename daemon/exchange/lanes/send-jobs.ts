// What answers one request on a lane, block by block: frames with their headers, ready to be sent. A file that looks different
// from what was hashed is not read here: the main thread, which can hash it again, is asked for that part.

import { closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { leafRange } from '../../content/file-dag.ts'
import { fingerprintOf, sameContentStamp } from '../../content/fingerprint.ts'
import { errno, PathmeshError } from '../../../proto/errors.ts'
import { LEAF_BYTES } from '../../../proto/limits.ts'
import { LANE_HEADER_BYTES, LaneFrame, laneFrame, putHeader } from './frame.ts'
import type { LaneParts } from './lane-parts.ts'
import type { LeavesPlace, SmallPlace } from './messages.ts'

/** A frame with the largest leaf; several small ones share it. */
export const LANE_BLOCK_BYTES = LANE_HEADER_BYTES + LEAF_BYTES

export interface SendJob {
  /** The next frames: in `block`, or in a piece of their own. Undefined where there are no more. */
  next(block: Buffer): Promise<Uint8Array | undefined>
  close(): void
}

const readSome = promisify(read)

/** NONBLOCK: a FIFO in the place of the file must not hang the open. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK
const GONE: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'EACCES', 'ENXIO', 'ESTALE', 'EISDIR']

/** Leaves of one file. */
export class LeavesJob implements SendJob {
  readonly #parts: LaneParts
  readonly #request: number
  readonly #file: Uint8Array
  readonly #indexes: readonly number[]
  readonly #place: LeavesPlace
  #at = 0
  #fd: number | undefined
  /** Whether the file looked as it did when it was hashed, after the last leaf was read. */
  #looksSame = false

  constructor(parts: LaneParts, request: number, file: Uint8Array, indexes: readonly number[], place: LeavesPlace) {
    this.#parts = parts
    this.#request = request
    this.#file = file
    this.#indexes = indexes
    this.#place = place
  }

  async next(block: Buffer): Promise<Uint8Array | undefined> {
    const index = this.#indexes[this.#at++]
    if (index === undefined) return undefined
    const { offset, length } = leafRange(this.#place.size, index)
    if (!(await this.#read(block, offset, length))) {
      const { bytes } = await this.#parts.ask({ type: 'leaf', request: this.#request, file: this.#file, index })
      if (bytes.length !== length) throw new PathmeshError('SOURCE_CHANGED', 'a file changed since it was shared')
      block.set(bytes, LANE_HEADER_BYTES)
    }
    putHeader(block, 0, { kind: LaneFrame.LEAF, id: this.#request, index, length })
    return block.subarray(0, LANE_HEADER_BYTES + length)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  /**
   * Whether the file has these bytes and looked the same all the time. Only reading may take a while; a message to another
   * thread for the rest would cost more than the rest.
   */
  async #read(block: Buffer, offset: number, length: number): Promise<boolean> {
    if (this.#fd === undefined) {
      this.#fd = openOrGone(this.#place.path)
      if (this.#fd === undefined) return false
      this.#looksSame = this.#isSame(this.#fd)
    }
    const fd = this.#fd
    for (let at = 0; at < length;) {
      const { bytesRead } = await readSome(fd, block, LANE_HEADER_BYTES + at, length - at, offset + at)
      if (bytesRead === 0) return false
      at += bytesRead
    }
    const before = this.#looksSame
    this.#looksSame = this.#isSame(fd)
    return before && this.#looksSame
  }

  #isSame(fd: number): boolean {
    const { stamp } = this.#place
    return stamp === null || sameContentStamp(stamp, fingerprintOf(fstatSync(fd, { bigint: true })))
  }
}

function openOrGone(path: string): number | undefined {
  try {
    return openSync(path, OPEN_FLAGS)
  } catch (error) {
    if (GONE.includes(errno(error))) return undefined
    throw error
  }
}

/** Small files, as many in a block as fit. They are read with synchronous calls, which cost a fraction of others. */
export class SmallJob implements SendJob {
  readonly #parts: LaneParts
  readonly #request: number
  readonly #cids: readonly Uint8Array[]
  readonly #places: readonly SmallPlace[]
  #at = 0

  constructor(parts: LaneParts, request: number, cids: readonly Uint8Array[], places: readonly SmallPlace[]) {
    this.#parts = parts
    this.#request = request
    this.#cids = cids
    this.#places = places
  }

  async next(block: Buffer): Promise<Uint8Array | undefined> {
    let filled = 0
    for (let cid = this.#cids[this.#at]; cid !== undefined; cid = this.#cids[this.#at]) {
      const index = this.#at
      const place = this.#places[index]
      const size = place === undefined ? 0 : 'bytes' in place ? place.bytes.length : place.size
      if (filled + LANE_HEADER_BYTES + size > block.length && filled > 0) break
      this.#at++
      if (place === undefined) {
        filled += laneFrame(LaneFrame.MISSING, this.#request, index).copy(block, filled)
        continue
      }
      const target = block.subarray(filled + LANE_HEADER_BYTES)
      if (size <= target.length && this.#put(place, target)) {
        putHeader(block, filled, { kind: LaneFrame.BLOCK, id: this.#request, index, length: size })
        filled += LANE_HEADER_BYTES + size
        continue
      }
      const bytes = 'bytes' in place ? place.bytes : await this.#askFor(cid)
      const one =
        bytes === undefined
          ? laneFrame(LaneFrame.MISSING, this.#request, index)
          : laneFrame(LaneFrame.BLOCK, this.#request, index, bytes)
      if (filled === 0) return one
      return Buffer.concat([block.subarray(0, filled), one])
    }
    return filled === 0 ? undefined : block.subarray(0, filled)
  }

  close(): void {
    // No file stays open between two blocks.
  }

  async #askFor(cid: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.#parts.ask({ type: 'block', request: this.#request, cid })).bytes
  }

  /** Whether the bytes of a place are in `target` now. */
  #put(place: Exclude<SmallPlace, undefined>, target: Buffer): boolean {
    if ('bytes' in place) {
      target.set(place.bytes)
      return true
    }
    try {
      return readSame(place, target)
    } catch (error) {
      if (GONE.includes(errno(error))) return false
      throw error
    }
  }
}

function readSame({ path, size, stamp }: LeavesPlace, target: Buffer): boolean {
  const fd = openSync(path, OPEN_FLAGS)
  try {
    const isSame = (): boolean =>
      stamp === null || sameContentStamp(stamp, fingerprintOf(fstatSync(fd, { bigint: true })))
    if (!isSame()) return false
    for (let at = 0; at < size;) {
      const read = readSync(fd, target, at, size - at, at)
      if (read === 0) return false
      at += read
    }
    return isSame()
  } finally {
    closeSync(fd)
  }
}
