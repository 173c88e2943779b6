// What a checked root still lacks, as units of work in the order of the walk: small files in batches, leaves of large files one
// by one. It writes at once what needs no request: holes, empty files, files that travelled inside a branch, and what lies
// elsewhere on this node.

import type { CID } from 'multiformats/cid'
import type { Branches } from '../content/branches.ts'
import type { Fingerprint } from '../content/fingerprint.ts'
import { leafRange } from '../content/file-dag.ts'
import { leaves } from '../content/leaves.ts'
import { RAW } from '../content/multihash.ts'
import { verify } from '../content/verify.ts'
import { type WalkedEntry, walkTree } from '../content/walk.ts'
import { isZeroLeaf } from '../content/zero.ts'
import { hasCode } from '../../proto/errors.ts'
import { SMALL_ANSWER_BYTES, SMALL_REQUEST_FILES } from '../../proto/limits.ts'
import type { Unit } from './scheduler.ts'

/** A file of one leaf. */
export interface SmallJob {
  readonly ordinal: number
  readonly path: string
  readonly cid: CID
  readonly size: number
}

/** A small file that came; without `bytes` it has been written. */
export interface LandedSmall {
  readonly job: SmallJob
  readonly bytes: Uint8Array | undefined
  /** What it looked like when it was written. */
  readonly look: Fingerprint | undefined
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

export interface SmallFiles extends Unit {
  readonly type: 'small'
  readonly jobs: readonly SmallJob[]
}

export interface FileLeaf extends Unit {
  readonly type: 'leaf'
  readonly file: LargeFile
  readonly job: LeafJob
}

export type Work = SmallFiles | FileLeaf

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
  /** Leaves that already lie somewhere on this node, undefined for those that do not. */
  readonly local: (cids: readonly CID[]) => Promise<(Uint8Array | undefined)[]>
  /** A leaf that another transfer has written and not finished. */
  readonly unfinished: (file: LargeFile, job: LeafJob) => Promise<Uint8Array | undefined>
  /** A leaf of a file that comes here by another transfer; undefined where none does. */
  readonly arriving: (file: CID, job: LeafJob) => Promise<Uint8Array | undefined>
  /** Hears of every file of several leaves before its first: what its number is in the order of the walk. */
  readonly onBegin: (file: LargeFile, firstOrdinal: number) => void
  /** Hears of it after its last: how many of its leaves are still to come. */
  readonly onFile: (file: LargeFile, leavesToCome: number) => Promise<void>
  /** Hears of what needs no request: it was there, or is zeros. */
  readonly onHere: (jobs: readonly (SmallJob | LeafJob)[], file: LargeFile | undefined) => void
}

export async function* plan(root: CID, branches: Branches, sink: Sink, options: PlanOptions): AsyncGenerator<Work> {
  let ordinal = 0
  let small: SmallJob[] = []
  let smallBytes = 0
  for await (const entry of walkTree(root, branches, options)) {
    if (entry.kind === 'directory') await sink.makeDirectory(entry.path)
    if (entry.kind !== 'file') continue
    if (isSmall(entry)) {
      const job = { ordinal: ordinal++, path: entry.path, cid: entry.cid, size: entry.size }
      if (await writtenWithoutAsking(entry, job, sink)) {
        options.onHere([job], undefined)
        continue
      }
      small.push(job)
      smallBytes += job.size
      if (small.length < SMALL_REQUEST_FILES && smallBytes < SMALL_ANSWER_BYTES) continue
      yield* smallFiles(small, sink, options)
      ;[small, smallBytes] = [[], 0]
    } else {
      options.onBegin(entry, ordinal)
      ordinal += yield* leavesOf(entry, ordinal, branches, sink, options)
    }
  }
  if (small.length > 0) yield* smallFiles(small, sink, options)
}

/** One unit of those that are nowhere on this node; the others are copied. */
async function* smallFiles(jobs: readonly SmallJob[], sink: Sink, options: PlanOptions): AsyncGenerator<SmallFiles> {
  const local = await options.local(jobs.map(({ cid }) => cid))
  const here = jobs.flatMap((job, i) => {
    const bytes = local[i]
    return bytes?.length === job.size ? [{ ...job, executable: false, bytes }] : []
  })
  if (here.length > 0) {
    await sink.writeSmall(here)
    options.onHere(here, undefined)
  }
  const isHere = new Set(here.map(({ ordinal }) => ordinal))
  const wanted = jobs.filter(({ ordinal }) => !isHere.has(ordinal))
  if (wanted.length === 0) return
  const bytes = wanted.reduce((sum, job) => sum + job.size, 0)
  yield { type: 'small', ordinals: wanted.map(({ ordinal }) => ordinal), bytes, group: undefined, jobs: wanted }
}

/** Leaves of a file that are not here; returns how many it has in all. */
async function* leavesOf(
  file: WalkedEntry,
  first: number,
  branches: Branches,
  sink: Sink,
  options: PlanOptions
): AsyncGenerator<FileLeaf, number> {
  let count = 0
  let toCome = 0
  for await (const leaf of leaves(file.cid, branches, { signal: options.signal })) {
    count++
    const ordinal = first + leaf.index
    const job = { ordinal, index: leaf.index, cid: leaf.cid, size: leaf.size }
    if (await leafWithoutAsking(file, job, sink, options)) {
      options.onHere([job], file)
      continue
    }
    toCome++
    yield { type: 'leaf', ordinals: [ordinal], bytes: leaf.size, group: file.path, file, job }
  }
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

async function leafWithoutAsking(
  file: WalkedEntry,
  job: LeafJob,
  sink: Sink,
  { local, unfinished, arriving }: PlanOptions
): Promise<boolean> {
  const { offset } = leafRange(file.size, job.index)
  if (sink.ledger.has(job.ordinal) && (!sink.suspect || (await stillThere(job.cid, file, offset, job.size, sink))))
    return true
  const known = isZeroLeaf(job.cid, job.size)
    ? null
    : ((await local([job.cid]))[0] ?? (await unfinished(file, job)) ?? (await arriving(file.cid, job)))
  if (known === undefined) return false
  await sink.writeLeaf({
    ordinal: job.ordinal,
    path: file.path,
    fileSize: file.size,
    executable: file.executable,
    offset,
    bytes: known
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
