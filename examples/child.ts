// A program that main.js runs: started, read line by line, and ended in order; killed where it does not end in time.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const STOP_MS = 10_000
const LINES_KEPT = 500

export interface ChildOptions {
  /** Added to this program's environment. */
  readonly env: Readonly<Record<string, string>>
  /** Told of each line that it prints. */
  readonly onLine?: (line: string) => void
}

export class Child {
  /** The last lines that it printed, on either stream. */
  readonly lines: string[] = []
  /** Its exit status; null where a signal ended it. */
  readonly ended: Promise<number | null>
  readonly #child: ChildProcess

  constructor(args: readonly string[], { env, onLine = () => undefined }: ChildOptions) {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    this.#child = child
    const hear = (line: string): void => {
      if (this.lines.push(line) > LINES_KEPT) this.lines.shift()
      onLine(line)
    }
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear)
    // 'close', and not 'exit': all that it printed was read.
    this.ended = once(child, 'close').then(() => child.exitCode)
  }

  /** Resolves once it has printed such a line; rejects, with all that it said, when it ends before. */
  async printed(pattern: RegExp): Promise<void> {
    const found = new Promise<void>(resolve => {
      const look = (): void => {
        if (this.lines.some(line => pattern.test(line))) resolve()
      }
      this.#child.stdout?.on('data', () => setImmediate(look))
      look()
    })
    const ended = this.ended.then(() => {
      throw new Error(`it ended too early:\n${this.lines.join('\n')}`)
    })
    await Promise.race([found, ended])
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const late = setTimeout(() => this.kill(), STOP_MS)
    await this.ended
    clearTimeout(late)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
