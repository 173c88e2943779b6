// What a checked root still lacks, as requests in the order of the walk: small files in batches, leaves of large files in
// runs. It writes at once what needs no request: holes, empty files and files that travelled inside a branch.

import type { CID } from 'multiformats/cid'
import type { Branches } from '../content/branches.ts'
import { leafRange } from '../content/file-dag.ts'
import { leaves } from '../content/leaves.ts'
import { RAW } from '../content/multihash.ts'
import { verify } from '../content/verify.ts'
import { type WalkedEntry, walkTree } from '../content/walk.ts'
import { isZeroLeaf } from '../content/zero.ts'
import { hasCode } from '../../proto/errors.ts'
import { LEAVES_REQUEST, SMALL_ANSWER_BYTES, SMALL_REQUEST_FILES } from '../../proto/limits.ts'

/** A file of one leaf. */
export interface SmallJob {
  readonly ordinal: number
  readonly path: string
  readonly cid: CID
  readonly size: number
}

/** One leaf of a larger file. */
export interface LeafJob {
  readonly ordinal: number
  readonly index: number
  readonly cid: CID
  readonly size: number
}

export interface LargeFile {
  readonly path: string
  readonly cid: CID
  readonly size: number
  readonly executable: boolean
}

export type Batch =
  | { readonly type: 'small'; readonly bytes: number; readonly jobs: readonly SmallJob[] }
  | { readonly type: 'leaves'; readonly bytes: number; readonly file: LargeFile; readonly jobs: readonly LeafJob[] }

/** Where verified bytes go, and what has been written before. */
export interface Sink {
  readonly suspect: boolean
  readonly ledger: { has(ordinal: number): boolean }
  makeDirectory(path: string): Promise<void>
  writeSmall(files: readonly { ordinal: number; path: string; executable: boolean; bytes: Uint8Array }[]): Promise<void>
  writeLeaf(leaf: {
    ordinal: number
    path: string
    fileSize: number
    executable: boolean
    offset: number
    bytes: Uint8Array | null
  }): Promise<void>
  /** What an earlier process wrote there, if it did. */
  read(path: string, offset: number, length: number): Promise<Uint8Array | undefined>
}

export interface PlanOptions {
  readonly signal: AbortSignal
  /** Bytes of a root that is a leaf itself. */
  readonly size: number
  /** Hears of every file: how many of its leaves are still to come. */
  readonly onFile: (file: LargeFile, leavesToCome: number) => Promise<void>
  /** Hears of bytes that need no request: they were there, or are zeros. */
  readonly onBytes: (bytes: number, files: number) => void
}

export async function* plan(root: CID, branches: Branches, sink: Sink, options: PlanOptions): AsyncGenerator<Batch> {
  let ordinal = 0
  let small: SmallJob[] = []
  let smallBytes = 0
  for await (const entry of walkTree(root, branches, options)) {
    if (entry.kind === 'directory') await sink.makeDirectory(entry.path)
    if (entry.kind !== 'file') continue
    if (isSmall(entry)) {
      const job = { ordinal: ordinal++, path: entry.path, cid: entry.cid, size: entry.size }
      if (await writtenWithoutAsking(entry, job, sink)) {
        options.onBytes(entry.size, 1)
        continue
      }
      small.push(job)
      smallBytes += job.size
      if (small.length < SMALL_REQUEST_FILES && smallBytes < SMALL_ANSWER_BYTES) continue
      yield { type: 'small', bytes: smallBytes, jobs: small }
      ;[small, smallBytes] = [[], 0]
    } else {
      const jobs = leafJobs(entry, ordinal, branches, sink, options)
      for (let next = await jobs.next(); ; next = await jobs.next()) {
        if (next.done === true) {
          ordinal += next.value
          break
        }
        yield next.value
      }
    }
  }
  if (small.length > 0) yield { type: 'small', bytes: smallBytes, jobs: small }
}

/** Runs of leaves that follow each other, as batches; returns how many leaves the file has. */
async function* leafJobs(
  file: WalkedEntry,
  first: number,
  branches: Branches,
  sink: Sink,
  options: PlanOptions
): AsyncGenerator<Batch, number> {
  let count = 0
  let toCome = 0
  let run: LeafJob[] = []
  const cut = (): Batch[] => {
    if (run.length === 0) return []
    const jobs = run
    run = []
    toCome += jobs.length
    return [{ type: 'leaves', bytes: jobs.reduce((sum, job) => sum + job.size, 0), file, jobs }]
  }
  for await (const leaf of leaves(file.cid, branches, { signal: options.signal })) {
    count++
    const job = { ordinal: first + leaf.index, index: leaf.index, cid: leaf.cid, size: leaf.size }
    if (await leafWithoutAsking(file, job, sink)) {
      options.onBytes(leaf.size, 0)
      yield* cut()
      continue
    }
    run.push(job)
    if (run.length === LEAVES_REQUEST) yield* cut()
  }
  yield* cut()
  await options.onFile(file, toCome)
  return count
}

function isSmall(file: WalkedEntry): boolean {
  return file.cid.code === RAW || file.inline !== undefined
}

async function writtenWithoutAsking(file: WalkedEntry, job: SmallJob, sink: Sink): Promise<boolean> {
  if (sink.ledger.has(job.ordinal) && (!sink.suspect || (await stillThere(job.cid, file, 0, job.size, sink))))
    return true
  const known = file.inline ?? (isZeroLeaf(job.cid, job.size) ? new Uint8Array(job.size) : undefined)
  if (known === undefined) return false
  await sink.writeSmall([{ ordinal: job.ordinal, path: file.path, executable: file.executable, bytes: known }])
  return true
}

async function leafWithoutAsking(file: WalkedEntry, job: LeafJob, sink: Sink): Promise<boolean> {
  const { offset } = leafRange(file.size, job.index)
  if (sink.ledger.has(job.ordinal) && (!sink.suspect || (await stillThere(job.cid, file, offset, job.size, sink))))
    return true
  if (!isZeroLeaf(job.cid, job.size)) return false
  await sink.writeLeaf({
    ordinal: job.ordinal,
    path: file.path,
    fileSize: file.size,
    executable: file.executable,
    offset,
    bytes: null
  })
  return true
}

/** After a start of the machine, what the ledger lists may have been lost. */
async function stillThere(cid: CID, file: WalkedEntry, offset: number, length: number, sink: Sink): Promise<boolean> {
  if (file.inline !== undefined) return false
  const bytes = await sink.read(file.path, offset, length)
  if (bytes === undefined) return false
  try {
    verify(cid, bytes)
    return true
  } catch (error) {
    if (hasCode(error, 'CORRUPT')) return false
    throw error
  }
}
