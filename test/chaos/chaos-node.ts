// A daemon that faults befall: frozen and thawed, killed and started again. It remembers when it was last left alone, which is what its
// errors are judged by.
//
//   up ── freeze ──> frozen ── thaw ──> up        up ── kill ──> dead ── revive ──> up

import { join } from 'node:path'
import type { Daemon, Scene } from '../helpers/daemons.ts'
import type { Mesh } from '../../client/index.ts'

const LOG_CHARS_KEPT = 200_000

export class ChaosNode {
  readonly name: string
  readonly #scene: Scene
  #daemon: Daemon
  #state: 'up' | 'frozen' | 'dead' = 'up'
  #faultAt = -Infinity
  #log = ''
  #busy = false

  constructor(name: string, scene: Scene, daemon: Daemon) {
    this.name = name
    this.#scene = scene
    this.#daemon = daemon
  }

  get pid(): number {
    return this.#daemon.pid
  }

  get data(): string {
    return this.#daemon.data
  }

  /** Whether it runs, and no fault is on its way in or out. */
  get isUp(): boolean {
    return this.#state === 'up' && !this.#busy
  }

  /** Whether no fault has befallen it since then. */
  isUndisturbedSince(time: number): boolean {
    return this.isUp && this.#faultAt < time
  }

  /** What its daemons have logged, the newest last. */
  get log(): string {
    return `${this.#log}${this.#daemon.log}`.slice(-LOG_CHARS_KEPT)
  }

  path(...names: string[]): string {
    return join(this.data, ...names)
  }

  connect(): Promise<Mesh> {
    return this.#daemon.connect()
  }

  freeze(): void {
    this.#turn('frozen')
    this.#daemon.freeze()
  }

  thaw(): void {
    this.#daemon.thaw()
    this.#turn('up')
  }

  async kill(): Promise<void> {
    this.#turn('dead')
    await this.#while(() => this.#daemon.kill9())
    this.#log = this.log
  }

  /** On the same folder and port. */
  async revive(): Promise<void> {
    await this.#while(async () => {
      this.#daemon = this.#scene.own(await this.#daemon.again())
    })
    this.#turn('up')
  }

  /** Ends whatever fault it suffers from. */
  async restore(): Promise<void> {
    if (this.#state === 'frozen') this.thaw()
    if (this.#state === 'dead') await this.revive()
  }

  #turn(state: 'up' | 'frozen' | 'dead'): void {
    this.#state = state
    this.#faultAt = performance.now()
  }

  async #while(run: () => Promise<void>): Promise<void> {
    this.#busy = true
    try {
      await run()
    } finally {
      this.#busy = false
      this.#faultAt = performance.now()
    }
  }
}
