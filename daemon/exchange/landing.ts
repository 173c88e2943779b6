// Where a session's content comes down: its sink. It counts which files are whole, and tells those that follow what is here.

import type { CID } from 'multiformats/cid'
import { leafRange } from '../content/file-dag.ts'
import { giveBuffer } from '../leaf-buffers.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { LEAF_BYTES } from '../../proto/limits.ts'
import type { Landing } from './download.ts'
import type { HeldLog } from './held-log.ts'
import { LargeFiles } from './large-files.ts'
import type { FileLeaf, LandedSmall, LargeFile, PlanOptions, SmallJob } from './plan.ts'
import type { Provider, SmallTarget } from './provider.ts'
import type { SessionSink } from './session-types.ts'

export interface LandingEvents {
  onWrote(bytes: number, files: number): void
  /** A file of several leaves is whole. */
  onWhole(): void
}

export class SinkLanding implements Landing {
  readonly #sink: SessionSink
  readonly #held: HeldLog
  readonly #events: LandingEvents
  readonly #large: LargeFiles

  constructor(sink: SessionSink, held: HeldLog, events: LandingEvents) {
    this.#sink = sink
    this.#held = held
    this.#events = events
    this.#large = new LargeFiles(async file => {
      await sink.finishLarge(file.path, file.size, file.executable)
      events.onWhole()
    })
  }

  /** What the plan tells of what it finds. */
  get planned(): Pick<PlanOptions, 'onBegin' | 'onFile' | 'onHere'> {
    return {
      onBegin: (file, firstOrdinal) => this.#held.begin(file.cid, file.path, file.size, firstOrdinal),
      onFile: (file, leavesToCome) => this.#large.planned(file, leavesToCome),
      onHere: (jobs, file) => {
        for (const job of jobs) {
          if ('path' in job) this.#held.addSmall(job.cid, job.path, job.size, job.ordinal)
          this.#held.add(job.ordinal)
          this.#events.onWrote(job.size, file === undefined ? 1 : 0)
        }
      }
    }
  }

  into(file: LargeFile): Promise<string | undefined> {
    return this.#sink.target(file.path, file.size)
  }

  smallInto(jobs: readonly SmallJob[]): Promise<SmallTarget[] | undefined> {
    return this.#sink.smallTargets(jobs.map(({ path }) => path))
  }

  async leaf({ file, job }: FileLeaf, bytes: Uint8Array | undefined): Promise<void> {
    // Asked of two, it may come from both.
    if (this.#held.has(job.ordinal)) return
    if (bytes === undefined) await this.#sink.wrote([job.ordinal], job.size)
    else {
      const { offset } = leafRange(file.size, job.index)
      const { path, size: fileSize, executable } = file
      await this.#sink.writeLeaf({ ordinal: job.ordinal, path, fileSize, executable, offset, bytes })
      giveBuffer(bytes)
    }
    if (this.#held.has(job.ordinal)) return
    this.#held.add(job.ordinal)
    this.#events.onWrote(job.size, 0)
    await this.#large.arrived(file)
  }

  async small(files: readonly LandedSmall[]): Promise<void> {
    const fresh = files.filter(({ job }) => !this.#held.has(job.ordinal))
    const handed = fresh.flatMap(({ job: { ordinal, path }, bytes }) =>
      bytes === undefined ? [] : [{ ordinal, path, executable: false, bytes }]
    )
    const written = fresh.filter(({ bytes }) => bytes === undefined).map(({ job }) => job)
    if (handed.length > 0) await this.#sink.writeSmall(handed)
    if (written.length > 0) {
      const bytes = written.reduce((sum, { size }) => sum + size, 0)
      await this.#sink.wrote(
        written.map(({ ordinal }) => ordinal),
        bytes
      )
    }
    for (const { job, look } of fresh) {
      if (look !== undefined) this.#sink.looked(job.path, look)
      if (this.#held.has(job.ordinal)) continue
      this.#held.addSmall(job.cid, job.path, job.size, job.ordinal)
      this.#held.add(job.ordinal)
      this.#events.onWrote(job.size, 1)
    }
  }
}

/** A root that is one leaf, of a size that nobody stated. */
export async function onlyLeaf(root: CID, provider: Provider, signal: AbortSignal): Promise<Uint8Array> {
  const { peer } = provider
  for await (const [block] of provider.small([{ cid: root, size: undefined, into: [] }], { signal })) {
    if (block?.bytes === undefined)
      throw new PathmeshError(
        'SOURCE_CHANGED',
        `${peer} no longer has ${root.toString()}: it changed there since it was shared; share it again`
      )
    if (block.bytes.length > LEAF_BYTES)
      throw new PathmeshError('CORRUPT', `${root.toString()} is a leaf of ${block.bytes.length} bytes`)
    return block.bytes
  }
  throw new PathmeshError('CORRUPT', `${peer} sent nothing where a leaf was asked for`)
}
