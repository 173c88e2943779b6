// Fetches batches of a plan: every block is verified before it is written, and only then taken off the list of what is left.
// A provider that fails loses what is left to the next one; nothing is asked for twice that was written.

import type { CID } from 'multiformats/cid'
import { leafRange } from '../content/file-dag.ts'
import { verify } from '../content/verify.ts'
import type { Clock } from '../clock.ts'
import { withDeadline } from '../deadline.ts'
import { giveBuffer } from '../leaf-buffers.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { ASK_MS, LEAF_BYTES } from '../../proto/limits.ts'
import type { LargeFiles } from './large-files.ts'
import type { Batch, LeafJob, SmallJob } from './plan.ts'
import type { Provider } from './provider.ts'
import type { SessionSink } from './session-types.ts'

export interface BatchFetchParts {
  readonly sink: SessionSink
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Runs one request with a provider; resolves as well when the provider failed, and then the caller asks again. */
  ask(request: (provider: Provider, signal: AbortSignal) => Promise<void>): Promise<void>
  onCame(provider: Provider, bytes: number): void
  onWrote(bytes: number, files: number): void
}

export class BatchFetch {
  readonly #parts: BatchFetchParts

  constructor(parts: BatchFetchParts) {
    this.#parts = parts
  }

  /** All of a batch, from one provider after the other. */
  async fetch(batch: Batch, large: LargeFiles): Promise<void> {
    if (batch.type === 'small') {
      const left = new Map(batch.jobs.map(job => [job.ordinal, job]))
      while (left.size > 0) {
        await this.#parts.ask(async (provider, signal) => {
          try {
            await this.#fetchSmall(provider, left, signal)
          } catch (error) {
            const wrong = hasCode(error, 'CORRUPT') ? error.details?.['wrong'] : undefined
            const job = [...left.values()].find(({ cid }) => cid.toString() === wrong)
            throw job === undefined ? error : await this.#complaint(provider, job.cid, 0, job.path, error)
          }
        })
      }
      return
    }
    const { file } = batch
    const left = new Map(batch.jobs.map(job => [job.index, job]))
    while (left.size > 0) {
      await this.#parts.ask(async (provider, signal) => {
        for await (const { index, bytes } of provider.leaves(file.cid, rangesOf(left.values()), { signal })) {
          const job = left.get(index)
          if (job === undefined) throw new PathmeshError('CORRUPT', `${provider.peer} sent leaf ${index} twice`)
          await this.#checkLeaf(provider, file.cid, job, bytes)
          this.#parts.onCame(provider, bytes.length)
          await this.#parts.sink.writeLeaf({
            ordinal: job.ordinal,
            path: file.path,
            fileSize: file.size,
            executable: file.executable,
            offset: leafRange(file.size, index).offset,
            bytes
          })
          giveBuffer(bytes)
          left.delete(index)
          this.#parts.onWrote(bytes.length, 0)
          await large.arrived(file)
        }
      })
    }
  }

  /** Takes out of `left` what it wrote. */
  async #fetchSmall(provider: Provider, left: Map<number, SmallJob>, signal: AbortSignal): Promise<void> {
    // The same content at several places is asked for once.
    const wanted = new Map<string, SmallJob[]>()
    for (const job of left.values()) {
      const jobs = wanted.get(job.cid.toString())
      if (jobs === undefined) wanted.set(job.cid.toString(), [job])
      else jobs.push(job)
    }
    const cids = [...wanted.values()].flatMap(([job]) => (job === undefined ? [] : [job.cid]))
    for await (const blocks of provider.small(cids, { signal })) {
      const came = blocks.reduce((sum, block) => sum + (block.bytes?.length ?? 0), 0)
      this.#parts.onCame(provider, came)
      const files = blocks.flatMap(({ cid, bytes }) =>
        bytes === undefined ? [] : (wanted.get(cid.toString()) ?? []).map(job => smallFile(job, bytes))
      )
      await this.#parts.sink.writeSmall(files)
      for (const file of files) left.delete(file.ordinal)
      const wrote = files.reduce((sum, file) => sum + file.bytes.length, 0)
      this.#parts.onWrote(wrote, files.length)
      const gone = blocks.find(block => block.bytes === undefined)
      if (gone !== undefined) throw noLonger(provider, gone.cid, wanted.get(gone.cid.toString())?.[0]?.path)
    }
  }

  /** A root that is one leaf, of a size that nobody stated. */
  async onlyLeaf(root: CID): Promise<number> {
    let size = -1
    while (size < 0) {
      await this.#parts.ask(async (provider, signal) => {
        for await (const [block] of provider.small([root], { signal })) {
          if (block?.bytes === undefined) throw noLonger(provider, root, undefined)
          const { length } = block.bytes
          if (length > LEAF_BYTES) throw new PathmeshError('CORRUPT', `${root.toString()} is a leaf of ${length} bytes`)
          this.#parts.onCame(provider, length)
          await this.#parts.sink.writeSmall([{ ordinal: 0, path: '', executable: false, bytes: block.bytes }])
          size = length
        }
      })
    }
    return size
  }

  async #checkLeaf(provider: Provider, file: CID, job: LeafJob, bytes: Uint8Array): Promise<void> {
    try {
      verify(job.cid, bytes)
    } catch (error) {
      if (!hasCode(error, 'CORRUPT')) throw error
      throw await this.#complaint(provider, file, job.index, `leaf ${job.index}`, error)
    }
  }

  /** Tells a provider that it sent something wrong, and makes its answer into what failed: it changed there, or was a lie. */
  async #complaint(provider: Provider, file: CID, index: number, sent: string, cause: unknown): Promise<PathmeshError> {
    const { clock } = this.#parts
    const withdrawn = await withDeadline(clock, ASK_MS, 'complaining', this.#parts.signal, signal =>
      provider.wrong(file, index, { signal })
    ).catch(() => false)
    const what = withdrawn ? 'changed there since it was shared: share it again' : 'did not match its hash'
    return new PathmeshError(withdrawn ? 'SOURCE_CHANGED' : 'CORRUPT', `${sent} from ${provider.peer} ${what}`, {
      cause
    })
  }
}

/** The directory states a size as well, and the same content may be stated in another one elsewhere. */
function smallFile({ ordinal, path, size }: SmallJob, bytes: Uint8Array) {
  if (bytes.length !== size)
    throw new PathmeshError('CORRUPT', `${path} has ${bytes.length} bytes, and its directory says ${size}`)
  return { ordinal, path, executable: false, bytes }
}

function noLonger({ peer }: Provider, cid: CID, path: string | undefined): PathmeshError {
  const what = path === undefined || path === '' ? cid.toString() : path
  return new PathmeshError(
    'SOURCE_CHANGED',
    `${peer} no longer has ${what}: it changed there since it was shared; share it again`
  )
}

function rangesOf(jobs: Iterable<LeafJob>): { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = []
  for (const { index } of jobs) {
    const last = ranges.at(-1)
    if (last?.to === index) last.to = index + 1
    else ranges.push({ from: index, to: index + 1 })
  }
  return ranges
}
