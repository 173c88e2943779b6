// The worker threads in which many small files are read and written, so that the main thread stays free to answer.

import { lstat } from 'node:fs/promises'
import { Piscina } from 'piscina'
import { type Fingerprint, fingerprintOf } from '../content/fingerprint.ts'
import { type LookResult, looksIn } from '../content/look.ts'
import { type PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { FILE_THREAD_IDLE_MS, FILE_THREADS, FILES_AT_ONCE, FILES_IN_A_TASK } from '../../proto/limits.ts'
import type { CopyTask, Failure, LinkTask, Outcome, ReadAnswer, ReadOrder, Stamp, WriteOrder } from './file-worker.ts'

export class FilePool {
  readonly #pool = new Piscina({
    filename: new URL('./file-worker.js', import.meta.url).href,
    minThreads: 0,
    maxThreads: FILE_THREADS,
    idleTimeout: FILE_THREAD_IDLE_MS,
    // They hold a message at a time, outside of their heaps.
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }
  })

  /** Whole small files in one buffer. A file that fails does not fail the others. */
  read(order: ReadOrder): Promise<ReadAnswer> {
    return this.#pool.run(order, { name: 'read' })
  }

  /** Writes files that `order.bytes` holds, which is given away. Rejects with the first failure: NO_SPACE, DENIED, IO. */
  async write(order: WriteOrder): Promise<void> {
    const outcomes: Outcome<null>[] = await this.#pool.run(order, { name: 'write', transferList: [order.bytes.buffer] })
    allOrThrow(outcomes, order.tasks, task => `writing ${task.path}`)
  }

  /** Copies small files. Rejects with the first failure. */
  async copy(tasks: readonly CopyTask[]): Promise<void> {
    const outcomes: Outcome<null>[] = await this.#pool.run(tasks, { name: 'copy' })
    allOrThrow(outcomes, tasks, task => `copying to ${task.to}`)
  }

  /** Gives files another name; what is there then, in their order, undefined where a file cannot be linked. */
  async link(tasks: readonly LinkTask[]): Promise<(Fingerprint | undefined)[]> {
    const linked: (Fingerprint | undefined)[] = []
    for (let at = 0; at < tasks.length; at += FILES_IN_A_TASK) {
      const outcomes: Outcome<Stamp>[] = await this.#pool.run(tasks.slice(at, at + FILES_IN_A_TASK), { name: 'link' })
      linked.push(...outcomes.map(outcome => (outcome.ok ? toFingerprint(outcome.value) : undefined)))
    }
    return linked
  }

  /** Fingerprints in the order of the paths. Rejects with the first failure. */
  async look(paths: readonly string[]): Promise<Fingerprint[]> {
    // A thread takes longer to start than a few looks do.
    if (paths.length <= FILES_AT_ONCE) return Promise.all(paths.map(lookAtOne))
    const fingerprints: Fingerprint[] = []
    for (let at = 0; at < paths.length; at += FILES_IN_A_TASK) {
      const some = paths.slice(at, at + FILES_IN_A_TASK)
      const result: LookResult = await this.#pool.run(some, { name: 'lookAt' })
      for (const [i, look] of looksIn(result).entries()) {
        if (look instanceof Error) throw toPathmeshError(look, some[i] ?? 'a file')
        fingerprints.push(fingerprintOf(look))
      }
    }
    return fingerprints
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}

async function lookAtOne(path: string): Promise<Fingerprint> {
  try {
    return fingerprintOf(await lstat(path, { bigint: true }))
  } catch (error) {
    throw toPathmeshError(error, path)
  }
}

function toFingerprint([dev, ino, size, mtimeNs, ctimeNs]: Stamp): Fingerprint {
  return { dev, ino, size, mtimeNs, ctimeNs }
}

function allOrThrow<T, V>(outcomes: readonly Outcome<V>[], tasks: readonly T[], doing: (task: T) => string): V[] {
  return outcomes.map((outcome, i) => {
    if (outcome.ok) return outcome.value
    const task = tasks[i]
    throw fromFailure(outcome.failure, task === undefined ? 'a file' : doing(task))
  })
}

function fromFailure(failure: Failure, doing: string): PathmeshError {
  return toPathmeshError(Object.assign(new Error(failure.message), { code: failure.code }), doing)
}
