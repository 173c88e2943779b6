// A real daemon in a process of its own, which can be killed at any moment and started again on its folder.
// Refuses to go on when it does not become ready by itself.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { connect, type Mesh } from '../../client/index.ts'

const BIN = join(import.meta.dirname, '../../bin.js')
const READY_MS = 30_000
/** Log lines that no crash may bring about. */
const FAULT = /"level":"error"|unhandled rejection|uncaught exception/

export class Victim {
  readonly data: string
  readonly #name: string
  #invite: string | undefined
  #child: ChildProcess | undefined
  #mesh: Mesh | undefined
  #said: string[] = []
  starts = 0

  constructor(name: string, data: string) {
    this.#name = name
    this.data = data
  }

  get mesh(): Mesh {
    if (this.#mesh === undefined) throw new Error(`${this.#name} is not up`)
    return this.#mesh
  }

  /** Lines of its log that tell of a fault. */
  faults(): string[] {
    return this.#said.filter(line => FAULT.test(line))
  }

  /** Starts it; with an invite it has met that node when it is ready. */
  async start(invite = this.#invite): Promise<void> {
    this.#invite = invite
    await this.end()
    const child = this.#spawn()
    const { stdout } = child
    if (stdout === null) throw new Error('no stdout')
    const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
    const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS)
    const ready = new Promise<true>(resolve => createInterface(stdout).once('line', () => resolve(true)))
    const isReady = await Promise.race([ready, ended])
    clearTimeout(timer)
    if (isReady !== true) throw new Error(`${this.#name} did not start again: ${this.#said.slice(-20).join('\n')}`)
    this.#mesh = await connect({ data: this.data })
  }

  /** Starts it and kills it after so long, ready or not. */
  async startAndKill(afterMs: number): Promise<void> {
    await this.end()
    const child = this.#spawn()
    await Promise.race([pause(afterMs), once(child, 'close')])
    await this.kill()
  }

  /** SIGKILL; resolves when the process is gone. What it answered before can still be read. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'close')
      child.kill('SIGKILL')
      await gone
    }
  }

  /** Ends it and what it holds open. */
  async end(): Promise<void> {
    await this.kill()
    await this.#mesh?.close()
    this.#mesh = undefined
  }

  #spawn(): ChildProcess {
    const join = this.#invite === undefined ? [] : ['--join=-']
    const listen = '--listen=/ip4/127.0.0.1/tcp/0'
    const child = spawn(
      process.execPath,
      [BIN, 'up', '--json', `--data=${this.data}`, `--name=${this.#name}`, listen, '--no-mdns', ...join],
      { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, PATHMESH_SOCKET: '', PATHMESH_DATA: '' } }
    )
    child.stdin.on('error', () => undefined)
    child.stdin.end(this.#invite ?? '')
    createInterface(child.stderr).on('line', line => this.#said.push(line))
    this.#child = child
    this.starts++
    return child
  }
}
