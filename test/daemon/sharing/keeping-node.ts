// A node that keeps versions, for tests: a store on a real disk, names in memory, a clock that stands still.

import assert from 'node:assert/strict'
import { copyFile, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { Hasher } from '../../../daemon/content/hasher.ts'
import { createLog } from '../../../daemon/log.ts'
import { Retention } from '../../../daemon/sharing/keep-retention.ts'
import { share, unshare } from '../../../daemon/sharing/own.ts'
import { type Copier, diskCopier } from '../../../daemon/store/copy-file.ts'
import type { Holding } from '../../../daemon/store/holding-table.ts'
import { Store } from '../../../daemon/store/store.ts'
import type { ShareDone, ShareRequest } from '../../../proto/api.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { temporaryFolder } from '../../helpers/trees.ts'
import { until } from '../../helpers/until.ts'
import { OwnNames } from './own-names.ts'

export const never: AbortSignal = new AbortController().signal

/** As on ext4, wherever the test runs. */
export const noReflink: Copier = { ...diskCopier, reflink: async () => false }
/** As on XFS or Btrfs: a copy that is told to have cost nothing. */
export const reflinks: Copier = {
  ...diskCopier,
  reflink: async (from, to) => {
    await copyFile(from, to)
    return true
  }
}

export class KeepingNode {
  readonly folder: string
  readonly data: string
  /** The folder of a work. */
  readonly work: string
  readonly clock = new ManualClock(Date.now())
  readonly hasher = new Hasher({ threads: 1 })
  readonly names: OwnNames = new OwnNames({
    commit: writes => this.store.database.commit(writes),
    holding: run => this.retention.exclusive(run)
  })
  readonly #remove: () => Promise<void>
  readonly #logged: string[] = []
  copier = noReflink
  #running: { store: Store; retention: Retention } | undefined

  private constructor(temporary: Awaited<ReturnType<typeof temporaryFolder>>) {
    this.folder = temporary.path
    this.data = join(this.folder, 'data')
    this.work = join(this.data, 'works', 'train')
    this.#remove = () => temporary.remove()
  }

  static async make(): Promise<KeepingNode> {
    const node = new KeepingNode(await temporaryFolder())
    await mkdir(node.work, { recursive: true })
    await node.start()
    return node
  }

  /** Stops and removes it; fails if it logged an error. */
  async remove(): Promise<void> {
    await this.hasher.close()
    await this.stop()
    await this.#remove()
    assert.deepEqual(
      this.#logged.filter(line => /error/.test(line)),
      []
    )
  }

  async start(): Promise<void> {
    const { data, clock, names } = this
    const log = createLog(line => this.#logged.push(line), 'debug')
    const copier: Copier = {
      reflink: (from, to) => this.copier.reflink(from, to),
      copy: (from, to, options) => this.copier.copy(from, to, options)
    }
    const store = await Store.open({ data, clock, random: Math.random, log, copier })
    this.#running = { store, retention: new Retention({ store, namesOf: root => names.namesOf(root), clock, log }) }
  }

  async stop(): Promise<void> {
    await this.retention.stop()
    await this.store.close()
  }

  get store(): Store {
    assert.ok(this.#running !== undefined)
    return this.#running.store
  }

  get retention(): Retention {
    assert.ok(this.#running !== undefined)
    return this.#running.retention
  }

  /** Shares as `train/<basename>`, and lets go what may go then. */
  async publish(path: string, request: Partial<ShareRequest> = {}): Promise<Omit<ShareDone, 'copies'>> {
    const asked = { path, as: `train/${path.split('/').at(-1)}`, ...request }
    const done = await share(asked, this.#parts(), never, () => undefined)
    await this.retention.sweep()
    return done
  }

  async unshare(name: string): Promise<void> {
    await unshare(name, this.#parts())
    await this.retention.sweep()
  }

  holdings(cid: string): Holding[] {
    return this.store.holdings.of(CID.parse(cid))
  }

  /** The only holding of a root. */
  only(cid: string): Holding {
    const [holding, ...others] = this.holdings(cid)
    assert.ok(holding !== undefined && others.length === 0, `there are ${this.holdings(cid).length} holdings`)
    return holding
  }

  /** Folders of kept versions on the disk. */
  async folders(): Promise<number> {
    return (await readdir(join(this.data, 'kept'))).length
  }

  #parts(): Parameters<typeof share>[1] {
    const { hasher, names: catalogue, store, retention } = this
    return { self: 'self', nodeName: 'node', store, hasher, catalogue, retention }
  }
}

export const inode = async (path: string): Promise<number> => (await stat(path)).ino

/** Waits until a change of these files would show in their times. */
export async function settled(...paths: string[]): Promise<void> {
  const latest = Math.max(...(await Promise.all(paths.map(async path => (await stat(path)).ctimeMs))))
  await until('the times of files to be past', () => Date.now() > latest + 50)
}
