// Owns the reading and hashing of local files, in a worker thread: one buffer, one leaf at a time.
// Refuses a file that is not, before and after, exactly the one that was scanned.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { PathmeshError, errno, toPathmeshError } from '../../proto/errors.ts'
import { LEAF_BYTES } from '../../proto/limits.ts'
import { leafRange, wrapLeaf } from './file-dag.ts'
import { type HashOutcome, type HashTask, STAMP_NUMBERS, type WrappedDigest } from './hash-task.ts'
import { DIGEST_BYTES, type HashName, digest, hashCode } from './multihash.ts'

export { lookAt } from './look.ts'

// NONBLOCK: a FIFO that took the file's place must not hang the open.
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
/** What opening says when the scanned file is gone or replaced by another kind. */
const REPLACED: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENODEV', 'EISDIR', 'ESTALE']

const buffer = Buffer.allocUnsafeSlow(LEAF_BYTES)

interface Segment {
  readonly absolute: string
  /** Device, inode, size, time of writing. */
  readonly stamp: BigInt64Array
  readonly from: number
  readonly to: number
  readonly wrap: boolean
}

/** Hashes the files of a task, in order; the first that fails makes the outcome a problem. */
export function hashTask({ hash, paths, stamps, ranges, wraps }: HashTask): HashOutcome {
  const segments = paths.map((absolute, i) => ({
    absolute,
    stamp: stamps.subarray(i * STAMP_NUMBERS, (i + 1) * STAMP_NUMBERS),
    from: ranges[2 * i] ?? 0,
    to: ranges[2 * i + 1] ?? 0,
    wrap: wraps[i] === 1
  }))
  const leaves = segments.reduce((total, { from, to }) => total + to - from, 0)
  const digests = new Uint8Array(leaves * DIGEST_BYTES)
  const wrapped: WrappedDigest[] = []
  let at = 0
  for (const segment of segments) {
    const end = at + (segment.to - segment.from) * DIGEST_BYTES
    try {
      hashSegment(segment, hash, digests.subarray(at, end), wrapped)
    } catch (error) {
      return { problem: toPathmeshError(error, `hash ${segment.absolute}`).toProblem() }
    }
    at = end
  }
  return { digests, wrapped }
}

function hashSegment(segment: Segment, hash: HashName, digests: Uint8Array, wrapped: WrappedDigest[]): void {
  const { absolute, stamp, from, to, wrap } = segment
  const size = Number(stamp[2])
  const file = open(absolute)
  try {
    expectSame(file, segment)
    if (size === 0) expectEmpty(file, absolute)
    for (let index = from; index < to; index++) {
      const leaf = readLeaf(file, absolute, size, index)
      digests.set(digest(hashCode(hash), leaf), (index - from) * DIGEST_BYTES)
      if (wrap) {
        const { cid, block } = wrapLeaf(leaf, hash)
        wrapped.push({ digest: cid.multihash.digest.slice(), size: block.length })
      }
    }
    expectSame(file, segment)
  } finally {
    closeSync(file)
  }
}

function open(absolute: string): number {
  try {
    return openSync(absolute, OPEN_FLAGS)
  } catch (error) {
    if (REPLACED.includes(errno(error))) throw changed(absolute, 'is gone, or is no file any more', error)
    throw toPathmeshError(error, `open ${absolute}`)
  }
}

function expectSame(file: number, { absolute, stamp }: Segment): void {
  const stats = fstatSync(file, { bigint: true })
  const now = [stats.dev, stats.ino, stats.size, stats.mtimeNs]
  const isSame = stats.isFile() && now.every((value, i) => BigInt.asIntN(64, value) === stamp[i])
  if (!isSame) throw changed(absolute, 'is not as it was when it was scanned')
}

/** Files of /proc state no size and yield bytes all the same: what they hold is no content. */
function expectEmpty(file: number, absolute: string): void {
  if (readSync(file, buffer, 0, 1, 0) === 0) return
  throw new PathmeshError('UNSAFE_NAME', `${absolute} states no size, yet yields bytes: copy it to an ordinary file`)
}

function readLeaf(file: number, absolute: string, size: number, index: number): Buffer {
  const { offset, length } = leafRange(size, index)
  for (let filled = 0; filled < length;) {
    const count = readSync(file, buffer, filled, length - filled, offset + filled)
    if (count === 0) throw changed(absolute, 'became shorter')
    filled += count
  }
  return buffer.subarray(0, length)
}

function changed(absolute: string, how: string, cause?: unknown): PathmeshError {
  return new PathmeshError('SOURCE_CHANGED', `${absolute} ${how}: share it again`, { cause })
}
