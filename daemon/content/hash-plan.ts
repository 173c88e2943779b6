// Owns how files are cut and gathered into units of work: parts of large files, handfuls of small ones.
// Refuses to run ahead: it takes the next file only when the next unit is asked for.

import { HASH_BATCH_FILES, HASH_SEGMENT_BYTES, LEAF_BYTES } from '../../proto/limits.ts'
import { leafCount } from './file-dag.ts'
import type { Fingerprint } from './fingerprint.ts'

/** A file to hash, as `scan` yields it. */
export interface SourceFile {
  /** Where it lies, without symbolic links on the way. */
  readonly absolute: string
  readonly fingerprint: Fingerprint
  readonly executable: boolean
}

/** Leaves [from, to) of a file. */
export interface Piece<T extends SourceFile> {
  readonly file: T
  readonly from: number
  readonly to: number
  /** Leaves of the whole file. */
  readonly count: number
}

const SEGMENT_LEAVES = HASH_SEGMENT_BYTES / LEAF_BYTES

/** Units of work in the order of the files: at most HASH_BATCH_FILES files and HASH_SEGMENT_BYTES in each. */
export async function* planUnits<T extends SourceFile>(
  files: AsyncIterable<T> | Iterable<T>
): AsyncGenerator<Piece<T>[]> {
  let unit: Piece<T>[] = []
  let bytes = 0
  for await (const file of files) {
    const size = Number(file.fingerprint.size)
    const count = leafCount(size)
    for (let from = 0; from < count;) {
      if (unit.length === HASH_BATCH_FILES || leavesIn(bytes) >= SEGMENT_LEAVES) {
        yield unit
        unit = []
        bytes = 0
      }
      const to = Math.min(count, from + SEGMENT_LEAVES - leavesIn(bytes))
      unit.push({ file, from, to, count })
      bytes += Math.min(size, to * LEAF_BYTES) - from * LEAF_BYTES
      from = to
    }
  }
  if (unit.length > 0) yield unit
}

function leavesIn(bytes: number): number {
  return Math.ceil(bytes / LEAF_BYTES)
}
