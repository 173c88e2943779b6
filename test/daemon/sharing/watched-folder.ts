// A watch of a real folder for tests, on a clock that a test moves, with a catalogue that only writes down what it is told.
// Refuses to end unnoticed: a watch that fails is thrown to whoever drives it.

import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { silentLog } from '../../../daemon/log.ts'
import { type FolderWatchOptions, type WatchUnit, watchFolder } from '../../../daemon/sharing/watch/folder-watch.ts'
import type { FolderEvent, ShareDone } from '../../../proto/api.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { temporaryFolder } from '../../helpers/trees.ts'

export const SETTLE_MS = 2_000
/** Of the clock at a time, and the real time that the disk is given for it. */
const STEP_MS = 100
const STEP_REAL_MS = 1
const DEADLINE_MS = 15_000

/** A publication: the name, and how many entries or bytes were found under it. */
export type Published = readonly [name: string, size: number]

export class WatchedFolder {
  /** A work's folder, or what contains the one unit. */
  readonly folder: string
  readonly clock: ManualClock
  readonly published: Published[] = []
  readonly retired: string[] = []
  readonly events: FolderEvent[] = []
  /** Names that are published. */
  readonly names = new Set<string>()
  /** Called by each publication, before it is written down. */
  onPublish: (unit: WatchUnit) => Promise<void> | void = () => undefined
  readonly #place: string
  readonly #stop = new AbortController()
  #reading: Promise<void> | undefined
  #failure: Error | undefined

  private constructor(place: string, clock: ManualClock) {
    this.#place = place
    this.folder = join(place, 'folder')
    this.clock = clock
  }

  /** With a clock of long ago, to which no file seems settled at first sight; or of the future, to which all do. */
  static async make(when: 'long ago' | 'future' = 'long ago'): Promise<WatchedFolder> {
    const clock = when === 'future' ? new ManualClock(Date.now() + 3_600_000) : new ManualClock()
    const made = new WatchedFolder((await temporaryFolder()).path, clock)
    await mkdir(made.folder)
    return made
  }

  /** A path in the folder, or with `..` beside it. */
  at(...names: string[]): string {
    return join(this.folder, ...names)
  }

  /** Watches the folder as that of `work`, or one unit in it. */
  start(options: Partial<FolderWatchOptions> = {}): void {
    const watch = watchFolder(
      {
        clock: this.clock,
        log: silentLog,
        publish: unit => this.#publish(unit),
        retire: async name => {
          if (!this.names.delete(name)) return undefined
          this.retired.push(name)
          return { url: `pathmesh://${name}`, seq: 2 }
        },
        published: async name => [...this.names].filter(known => known === name || known.startsWith(`${name}/`))
      },
      { target: { folder: this.folder, work: 'work' }, settleMs: SETTLE_MS, ...options, signal: this.#stop.signal }
    )
    this.#reading = this.#read(watch)
  }

  startUnit(path: string, options: Partial<FolderWatchOptions> = {}): void {
    this.start({ ...options, target: { unit: { path, name: 'node/unit' } } })
  }

  /** Lets time pass in small steps, until there is an answer; how much of it passed. */
  async passUntil(what: string, ask: () => boolean | Promise<boolean>): Promise<number> {
    const began = this.clock.now()
    const deadline = performance.now() + DEADLINE_MS
    while (!(await ask())) {
      if (this.#failure !== undefined) throw this.#failure
      if (performance.now() > deadline) throw new Error(`${what}: not within ${DEADLINE_MS} ms, but ${this.#state()}`)
      await this.clock.advance(STEP_MS)
      await pause(STEP_REAL_MS)
    }
    return this.clock.now() - began
  }

  /** Lets so much time pass; something may need some of it more than once. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms
    await this.passUntil('time passing', () => this.clock.now() >= end)
  }

  /** As many publications as that, in all. */
  publications(count: number): Promise<number> {
    return this.passUntil(`${count} publications`, () => this.published.length >= count)
  }

  of<E extends FolderEvent['event']>(event: E): Extract<FolderEvent, { event: E }>[] {
    return this.events.filter((found): found is Extract<FolderEvent, { event: E }> => found.event === event)
  }

  /** Directories that are watched, by this process. */
  static get directories(): number {
    return process.getActiveResourcesInfo().filter(name => /FSEvent/i.test(name)).length
  }

  /** Ends the watch, and waits for its end. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#reading
    if (this.#failure !== undefined) throw this.#failure
  }

  async remove(): Promise<void> {
    await this.stop()
    await rm(this.#place, { recursive: true, force: true })
  }

  #state(): string {
    return JSON.stringify({ published: this.published.slice(-3), retired: this.retired, events: this.events.slice(-3) })
  }

  async #publish(unit: WatchUnit): Promise<ShareDone> {
    await this.onPublish(unit)
    const stats = await stat(unit.path)
    const size = stats.isDirectory() ? (await readdir(unit.path, { recursive: true })).length : stats.size
    this.published.push([unit.name, size])
    this.names.add(unit.name)
    return shared(unit.name)
  }

  async #read(watch: AsyncGenerator<FolderEvent, void>): Promise<void> {
    try {
      for await (const event of watch) this.events.push(event)
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error))
    }
  }
}

function shared(name: string): ShareDone {
  const [work = '', ...path] = name.split('/')
  return {
    event: 'done',
    url: `pathmesh://${name}`,
    cid: 'bafkr4i',
    kind: 'file',
    size: 0,
    seq: 1,
    origin: 'k51',
    kept: false,
    copies: 1,
    work,
    path: path.join('/'),
    modified: 0,
    unchanged: false
  }
}
