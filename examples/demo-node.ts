// A daemon of its own for the demonstration: a child process on a data folder, as `pathmesh up` runs it. It listens on this
// machine alone, at a port that is free.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect, type Mesh } from '../client/index.ts'

const PROGRAM = join(import.meta.dirname, '../bin.js')
const STOP_MS = 8_000

export class DemoNode {
  readonly name: string
  readonly data: string
  readonly startedMs: number
  readonly mesh: Mesh
  readonly #child: ChildProcess

  private constructor(
    child: ChildProcess,
    mesh: Mesh,
    { name, data, startedMs }: Pick<DemoNode, 'name' | 'data' | 'startedMs'>
  ) {
    this.#child = child
    this.mesh = mesh
    this.name = name
    this.data = data
    this.startedMs = startedMs
  }

  /** Resolves once it is ready. An invite goes through stdin: arguments can be read by everybody on the machine. */
  static async start(
    name: string,
    data: string,
    { invite, signal }: { invite?: string; signal: AbortSignal }
  ): Promise<DemoNode> {
    const begun = performance.now()
    const join = invite === undefined ? [] : ['--join', '-']
    const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']
    const child = spawn(
      process.execPath,
      [PROGRAM, 'up', '--json', '--data', data, '--name', name, ...listen, ...join],
      {
        stdio: ['pipe', 'pipe', 'pipe']
      }
    )
    const said: string[] = []
    createInterface({ input: child.stderr }).on('line', line => said.splice(0, Math.max(0, said.push(line) - 20)))
    const stop = (): boolean => child.kill('SIGKILL')
    signal.addEventListener('abort', stop, { once: true })
    try {
      child.stdin.end(invite ?? '')
      const ended = once(child, 'exit').then(() => {
        throw new Error(`the daemon ${name} did not start:\n${said.join('\n')}`)
      })
      await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])
      signal.throwIfAborted()
      ended.catch(() => undefined)
      return new DemoNode(child, await connect({ data, signal }), { name, data, startedMs: performance.now() - begun })
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** As a power cut would: nothing is finished, nothing is said. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await this.#end('SIGTERM')
    clearTimeout(late)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit')
      this.#child.kill(signal)
      await gone
    }
    await this.mesh.close()
  }
}
