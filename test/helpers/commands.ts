// The `pathmesh` command as a process of its own: started, read, and known by its id until it has ended.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'

/** The command, compiled beside these tests. */
export const BIN = fileURLToPath(new URL('../../bin.js', import.meta.url))
const ENDED_MS = 60_000

export interface SpawnOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Text on its standard input; without it, none. */
  readonly input?: string
  /** Put before the command: what runs it as another user, or elsewhere. */
  readonly prefix?: readonly string[]
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A command that runs. */
export class Started {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
  readonly #stdout: Buffer[] = []
  #stderr = ''

  constructor(args: readonly string[], { cwd, env, input, prefix = [] }: SpawnOptions = {}) {
    const [program = process.execPath, ...rest] = [...prefix, process.execPath, BIN, ...args]
    const child = spawn(program, rest, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...environment(), ...env },
      stdio: ['pipe', 'pipe', 'pipe']
    })
    this.child = child
    running.add(child)
    child.stdout.on('data', (data: Buffer) => this.#stdout.push(data))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    // A command that does not read its input hangs up on it.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input ?? '')
    this.ended = once(child, 'close').then(() => {
      running.delete(child)
      return new Outcome(child.exitCode, child.signalCode, Buffer.concat(this.#stdout), this.#stderr)
    })
  }

  /** What it has written so far. */
  get stdout(): string {
    return Buffer.concat(this.#stdout).toString()
  }

  get stderr(): string {
    return this.#stderr
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }
}

export class Outcome {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly bytes: Buffer
  readonly stderr: string

  constructor(status: number | null, signal: NodeJS.Signals | null, bytes: Buffer, stderr: string) {
    this.status = status
    this.signal = signal
    this.bytes = bytes
    this.stderr = stderr
  }

  get stdout(): string {
    return this.bytes.toString()
  }

  /** Each line of stdout as JSON. */
  get lines(): unknown[] {
    return this.stdout
      .split('\n')
      .filter(line => line !== '')
      .map((line): unknown => JSON.parse(line))
  }

  /** The last line of a command that went well, in a form. */
  value<T>(form: z.ZodType<T>): T {
    assert.equal(this.status, 0, `status ${this.status}: ${this.stderr}`)
    return form.parse(this.lines.at(-1))
  }

  /** Its code and message, of a command that failed with --json: nothing else may be on stderr. */
  get error(): { readonly code: string; readonly message: string } {
    assert.notEqual(this.status, 0, `it went well: ${this.stdout}`)
    const value: unknown = JSON.parse(this.stderr)
    assert.ok(typeof value === 'object' && value !== null && 'error' in value, this.stderr)
    const { error } = value
    assert.ok(typeof error === 'object' && error !== null && 'code' in error && 'message' in error, this.stderr)
    assert.ok('retryable' in error && typeof error.retryable === 'boolean', this.stderr)
    return { code: String(error.code), message: String(error.message) }
  }
}

/** Runs a command to its end; one that does not come to it is killed, and its status is null. */
export async function command(args: readonly string[], options?: SpawnOptions): Promise<Outcome> {
  const started = new Started(args, options)
  const late = setTimeout(() => started.child.kill('SIGKILL'), ENDED_MS)
  try {
    return await started.ended
  } finally {
    clearTimeout(late)
  }
}

/** This process's environment without what would lead a command to somebody's daemon. */
function environment(): NodeJS.ProcessEnv {
  const { PATHMESH_DATA: _data, PATHMESH_SOCKET: _socket, XDG_RUNTIME_DIR: _runtime, ...rest } = process.env
  return rest
}
