// Owns the hashing of local files on all cores: worker threads that come when needed and go when idle.
// Refuses to read on this thread, to run far ahead of its reader, and to report a file that changed meanwhile.

import { setMaxListeners } from 'node:events'
import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { HASH_IDLE_MS, LEAF_BYTES } from '../../proto/limits.ts'
import type { Wrapped } from './file-dag.ts'
import type { Fingerprint, Look } from './fingerprint.ts'
import { type Piece, type SourceFile, planUnits } from './hash-plan.ts'
import { type HashOutcome, type HashResult, type HashTask, STAMP_NUMBERS } from './hash-task.ts'
import { type LookResult, looksIn } from './look.ts'
import { DAG_PB, DIGEST_BYTES, type HashName, cidFromDigest } from './multihash.ts'

export interface HasherOptions {
  /** Worker threads at most; by default one a core. */
  readonly threads?: number | undefined
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined
}

export interface HashFilesOptions {
  readonly hash?: HashName | undefined
  readonly signal?: AbortSignal | undefined
  /** Told the bytes hashed since the last call. */
  readonly onProgress?: ((bytes: number) => void) | undefined
}

export interface HashedFile<T extends SourceFile> {
  readonly file: T
  /** Digests of the raw leaves, 32 bytes each: what `buildFile` takes. */
  readonly leaves: Uint8Array
  /** Of an executable file of a single leaf. */
  readonly wrapped?: Wrapped
  readonly fingerprint: Fingerprint
  /** When hashing began: a file written later than this has a later mtime, give or take its file system's clock. */
  readonly stampedAt: number
}

interface Unit<T extends SourceFile> {
  readonly pieces: readonly Piece<T>[]
  readonly startedAt: number
  readonly outcome: Promise<HashResult | { readonly error: unknown }>
}

const WORKER = new URL('./hash-worker.js', import.meta.url).href
/** Units given out for each thread: one to work on, one to go on with. */
const UNITS_A_THREAD = 2

export class Hasher {
  readonly #threads: number
  readonly #now: () => number
  #pool: Piscina | undefined

  constructor({ threads = availableParallelism(), now = Date.now }: HasherOptions = {}) {
    this.#threads = threads
    this.#now = now
  }

  /**
   * Hashes files, and yields them in their order. SOURCE_CHANGED, naming the file, unless it is before and after what
   * its fingerprint says; UNSAFE_NAME for one that has bytes but no size; an abort stops at once and rethrows
   * `signal.reason`. The first failure ends it. Memory is that of a few units and of the digests of one file.
   */
  async *hashFiles<T extends SourceFile>(
    files: AsyncIterable<T> | Iterable<T>,
    options: HashFilesOptions = {}
  ): AsyncGenerator<HashedFile<T>> {
    const { hash = 'blake3', signal, onProgress } = options
    signal?.throwIfAborted()
    // One listener on the caller's signal, however many units are under way; and leaving the loop stops them too.
    const stop = new AbortController()
    setMaxListeners(0, stop.signal)
    const onAbort = (): void => stop.abort()
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      const assembly = new Assembly<T>(hash)
      for await (const unit of this.#ahead(planUnits(files), hash, stop.signal)) {
        const outcome = await unit.outcome
        signal?.throwIfAborted()
        if ('error' in outcome) throw outcome.error
        onProgress?.(unit.pieces.reduce((total, piece) => total + bytesOf(piece), 0))
        yield* assembly.add(unit, outcome)
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      stop.abort()
    }
  }

  /**
   * What paths look like, in their order, or the error of the system for one: in one message to a thread, which takes a third
   * of what as many calls from this one would.
   */
  async look(paths: readonly string[]): Promise<(Look | Error)[]> {
    return looksIn(await this.#run<LookResult>(paths, 'lookAt'))
  }

  /** Ends all threads; whatever runs fails with ABORTED. */
  async close(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    await pool?.destroy()
  }

  /** Units in order, started a bounded number ahead. */
  async *#ahead<T extends SourceFile>(
    plan: AsyncGenerator<Piece<T>[]>,
    hash: HashName,
    signal: AbortSignal
  ): AsyncGenerator<Unit<T>> {
    const started: Unit<T>[] = []
    for await (const pieces of plan) {
      started.push({ pieces, startedAt: this.#now(), outcome: this.#hash(pieces, hash, signal) })
      if (started.length >= this.#threads * UNITS_A_THREAD) yield* started.splice(0, 1)
    }
    yield* started
  }

  async #hash(
    pieces: readonly Piece<SourceFile>[],
    hash: HashName,
    signal: AbortSignal
  ): Promise<HashResult | { error: unknown }> {
    try {
      const outcome = await this.#run<HashOutcome>(taskOf(pieces, hash), 'hashTask', signal)
      return 'problem' in outcome ? { error: PathmeshError.fromProblem(outcome.problem) } : outcome
    } catch (error) {
      return { error }
    }
  }

  async #run<Result>(task: unknown, name: string, signal?: AbortSignal): Promise<Result> {
    const pool = (this.#pool ??= this.#start())
    try {
      const result: Result = await pool.run(task, { name, ...(signal === undefined ? {} : { signal }) })
      return result
    } catch (cause) {
      const stopped = pool !== this.#pool
      throw stopped
        ? new PathmeshError('ABORTED', 'hashing was stopped', { cause })
        : toPathmeshError(cause, 'hash files')
    }
  }

  #start(): Piscina {
    const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }
    const limits = { minThreads: 0, maxThreads: this.#threads, idleTimeout: HASH_IDLE_MS, resourceLimits }
    return new Piscina({ filename: WORKER, ...limits })
  }
}

/** Puts the digests of units together to files. */
class Assembly<T extends SourceFile> {
  readonly #hash: HashName
  #leaves = new Uint8Array()
  #stampedAt = 0

  constructor(hash: HashName) {
    this.#hash = hash
  }

  *add({ pieces, startedAt }: Unit<T>, { digests, wrapped }: HashResult): Generator<HashedFile<T>> {
    const wraps = wrapped.values()
    let at = 0
    for (const piece of pieces) {
      const { file, from, to, count } = piece
      if (from === 0) {
        this.#leaves = new Uint8Array(count * DIGEST_BYTES)
        this.#stampedAt = startedAt
      }
      const end = at + (to - from) * DIGEST_BYTES
      this.#leaves.set(digests.subarray(at, end), from * DIGEST_BYTES)
      at = end
      if (to < count) continue
      const done = { file, leaves: this.#leaves, fingerprint: file.fingerprint, stampedAt: this.#stampedAt }
      const wrap = isWrapped(piece) ? wraps.next().value : undefined
      yield wrap === undefined
        ? done
        : { ...done, wrapped: { cid: cidFromDigest(DAG_PB, this.#hash, wrap.digest), size: wrap.size } }
    }
  }
}

function isWrapped({ file, count }: Piece<SourceFile>): boolean {
  return file.executable && count === 1
}

function taskOf(pieces: readonly Piece<SourceFile>[], hash: HashName): HashTask {
  const stamps = new BigInt64Array(pieces.length * STAMP_NUMBERS)
  const ranges = new Float64Array(pieces.length * 2)
  const wraps = new Uint8Array(pieces.length)
  for (const [i, piece] of pieces.entries()) {
    const { dev, ino, size, mtimeNs } = piece.file.fingerprint
    stamps.set([dev, ino, size, mtimeNs], i * STAMP_NUMBERS)
    ranges.set([piece.from, piece.to], i * 2)
    if (isWrapped(piece)) wraps[i] = 1
  }
  return { hash, paths: pieces.map(({ file }) => file.absolute), stamps, ranges, wraps }
}

function bytesOf({ file, from, to }: Piece<SourceFile>): number {
  return Math.min(Number(file.fingerprint.size), to * LEAF_BYTES) - from * LEAF_BYTES
}
