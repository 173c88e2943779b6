// App: runs a Flow in this program. Connects to the daemon, listens to Ctrl-C, and sees to it that nothing is left running; what
// happens in between is in app-run.ts.

import { setMaxListeners } from 'node:events'
import type { Progress } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import type { LogLine } from '../../proto/works-api.ts'
import { connect, type ConnectOptions, type Mesh } from '../mesh.ts'
import { AppRun } from './app-run.ts'
import type { Flow } from './flow.ts'
import { Interrupts } from './interrupts.ts'
import { isProcessOfWork } from './role.ts'
import type { State } from './state.ts'

export interface AppOptions extends ConnectOptions {
  /** A mesh that is connected already; otherwise one is connected, by `data` and `socket`, and closed at the end. */
  readonly mesh?: Mesh | undefined
  /** Whether Works of this machine move here although another connected node is their home. */
  readonly takeOver?: boolean | undefined
  /** Told of each line that a Work prints; by default it is printed here, behind the Work's name. */
  readonly onLog?: ((work: string, line: LogLine) => void) | undefined
  /** Told of attributes of Works as they change. */
  readonly onState?: ((work: string, changed: State) => void) | undefined
  /** Told how far the content is that a call fetches. */
  readonly onProgress?: ((work: string, progress: Progress) => void) | undefined
  /** Whether SIGINT and SIGTERM stop it (the default): everything ends, then the program, by that signal. */
  readonly handleSignals?: boolean | undefined
}

/** A Flow whose `run()` takes nothing. */
export type RootFlow<R> = { run(): R } & Flow

export class App<R = unknown> {
  readonly root: RootFlow<R>
  readonly #options: AppOptions
  #stopping: AbortController | undefined

  constructor(root: RootFlow<R>, options: AppOptions = {}) {
    this.root = root
    this.#options = options
  }

  /**
   * Runs the Flow, and resolves to what its `run()` gives. Rejects with its error, or ABORTED when it was stopped, in both cases
   * after every process is gone. It may run again afterwards. In the process of a Work, which loads the same module, it does nothing.
   */
  async run(): Promise<Awaited<R> | undefined> {
    if (isProcessOfWork()) return undefined
    if (this.#stopping !== undefined) throw new TypeError('this App runs already: await its run() first')
    const { signal, handleSignals = true } = this.#options
    signal?.throwIfAborted()
    const stopping = new AbortController()
    // Each Work listens to it.
    setMaxListeners(0, stopping.signal)
    this.#stopping = stopping
    const stop = (): void => stopping.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    const interrupted = (by: NodeJS.Signals): void => {
      if (process.stderr.isTTY) process.stderr.write('stopping what runs; a second Ctrl-C ends at once\n')
      stopping.abort(stopped(`stopped by ${by}`))
    }
    const interrupts = handleSignals ? new Interrupts(interrupted) : undefined
    try {
      return await this.#connected(stopping)
    } finally {
      signal?.removeEventListener('abort', stop)
      this.#stopping = undefined
      interrupts?.end()
    }
  }

  /** Ends the Flow and all that it runs: `run()` rejects with ABORTED. */
  stop(): void {
    this.#stopping?.abort(stopped('the App was stopped'))
  }

  async #connected(stopping: AbortController): Promise<Awaited<R>> {
    const { mesh: given } = this.#options
    const mesh = given ?? (await connect({ ...this.#options, signal: stopping.signal }))
    const run = new AppRun(this.root, mesh, this.#options, stopping.signal)
    try {
      return await run.start()
    } finally {
      stopping.abort(stopped('the Flow has ended'))
      await run.end()
      if (given === undefined) await mesh.close()
    }
  }
}

const stopped = (why: string): PathmeshError => new PathmeshError('ABORTED', why)
