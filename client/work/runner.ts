// The process of a Work: loads its module, makes one, and runs calls one after another as the program that started it says. When told
// to end, it publishes what the Work has made so far. Refuses to outlive that program, since another one may run the Work by then, and
// to go on after an error that nobody caught.

import { mkdir } from 'node:fs/promises'
import { inspect } from 'node:util'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { Calls } from '../calls.ts'
import { Mesh } from '../mesh.ts'
import type { Path } from '../path.ts'
import { Transport } from '../transport.ts'
import { endMark, isTold, type Patience, type Said, type Told } from './messages.ts'
import { loadClass, type WorkClass } from './module-file.ts'
import { workFailed } from './outcome.ts'
import { endGroup } from './process-group.ts'
import { becomeWork } from './role.ts'
import { CallRun, type CalledWork } from './run-call.ts'
import type { Watched } from './watchdog.ts'
import { workInside, type Work } from './work.ts'

/** Until what was printed last has left a process that ends: a Work may hold a stream back. */
const PRINT_MS = 1_000

type ToldOf<E extends Told['event']> = Extract<Told, { readonly event: E }>

interface Running {
  readonly id: string
  readonly run: CallRun
  readonly cancelled: AbortController
  readonly leave: AbortController
  readonly done: Promise<void>
}

interface Loaded {
  readonly type: WorkClass
  readonly work: string
  readonly patience: Patience
}

class Runner {
  #loaded: Loaded | undefined
  #called: CalledWork | undefined
  #running: Running | undefined
  #isEnding = false
  #sent: Promise<void> = Promise.resolve()
  readonly #missing = new Set<string>()

  async told(told: Told): Promise<void> {
    try {
      if (told.event === 'load') await this.#load(told)
      else if (told.event === 'begin') await this.#begin(told)
      else if (told.event === 'call') this.#call(told)
      else if (this.#running?.id === told.id)
        this.#running.cancelled.abort(new PathmeshError('ABORTED', `the call of ${this.#name} was cancelled`))
    } catch (error) {
      this.#say({ event: 'failed', error: toPathmeshError(error, this.#name).toProblem() })
    }
  }

  /** Tells the run that it is over, publishes, and ends the process. */
  async end(why: string): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    const { cancelMs, lastWordsMs } = this.#loaded?.patience ?? { cancelMs: 0, lastWordsMs: 0 }
    if (lastWordsMs > 0) setTimeout(() => leave(1), lastWordsMs)
    const running = this.#running
    if (running !== undefined) {
      // One that was cancelled has had its time.
      const waitMs = running.cancelled.signal.aborted ? 0 : cancelMs
      const ended = new PathmeshError('ABORTED', `${this.#name} was stopped: ${why}`)
      running.cancelled.abort(ended)
      if (waitMs > 0) await Promise.race([running.done, pause(waitMs)])
      running.leave.abort(ended)
      await running.done
    }
    await this.#exit(0)
  }

  /** The state of a process in which something went wrong unseen is not to be trusted: it fails its run, and ends. */
  async crash(error: unknown): Promise<void> {
    process.stderr.write(`${inspect(error)}\n`)
    if (this.#isEnding) return
    this.#isEnding = true
    setTimeout(() => leave(1), this.#loaded?.patience.cancelMs ?? 0)
    this.#running?.run.fail(error)
    await this.#running?.done
    await this.#exit(1)
  }

  get #name(): string {
    return this.#loaded?.work ?? 'the Work'
  }

  async #load({ module, which, work, patience }: ToldOf<'load'>): Promise<void> {
    watchParent()
    const type = await loadClass(module, which)
    this.#loaded = { type, work, patience }
    this.#say({ event: 'done', what: 'load' })
  }

  async #begin({ node, folder, socket, startHint }: ToldOf<'begin'>): Promise<void> {
    if (this.#loaded === undefined)
      throw new PathmeshError('INTERNAL', 'a process begins before it has loaded a module')
    const { type, work } = this.#loaded
    await enter(folder)
    const mesh = new Mesh(new Calls(new Transport(socket, startHint === undefined ? {} : { startHint })), node)
    const made = makeWork(type, work)
    Object.assign(workInside(made), { work, node, mesh, home: Mesh.homeOf(mesh) })
    this.#called = { work: made, mesh, folder, lazy: type.lazy ?? [] }
    this.#say({ event: 'done', what: 'begin' })
  }

  #call({ id, args, state }: ToldOf<'call'>): void {
    // Another process begins it.
    if (this.#isEnding) return
    if (this.#called === undefined) throw new PathmeshError('INTERNAL', 'a call came before the Work was made')
    const cancelled = new AbortController()
    const leave = new AbortController()
    const run = new CallRun(this.#called, state, {
      signal: cancelled.signal,
      leave: leave.signal,
      tell: news => this.#say({ event: 'news', id, news }),
      onMissing: path => this.#tellMissing(path)
    })
    const done = (async () => {
      const over = await run.run(args, state)
      this.#running = undefined
      void print(endMark(id))
      this.#say({ event: 'over', id, over })
    })()
    this.#running = { id, run, cancelled, leave, done }
  }

  #tellMissing(path: Path): void {
    if (this.#missing.has(path.path)) return
    this.#missing.add(path.path)
    const text = `${this.#name}/${path.path} is not published: nothing lies there in the folder of the work`
    this.#say({ event: 'note', text })
  }

  #say(said: Said): void {
    this.#sent = new Promise(resolve => {
      // Whoever is gone is told nothing: 'disconnect' says so.
      if (process.send === undefined || !process.connected) resolve()
      else process.send({ pathmesh: said }, undefined, undefined, () => resolve())
    })
  }

  async #exit(status: number): Promise<void> {
    await Promise.race([Promise.all([this.#sent, print('')]), pause(PRINT_MS)])
    leave(status)
  }
}

// As they were before the Work was loaded, which may put something else in their place.
const writes = [process.stdout, process.stderr].map(stream => stream.write.bind(stream))

/** Prints on both streams, behind what was printed there; resolves when all that has left the process. */
async function print(text: string): Promise<void> {
  const done = writes.map(write => new Promise<void>(resolve => write(text, undefined, () => resolve())))
  await Promise.all(done)
}

/** Ends the process. Its host ends what it has started; where that is gone, it does so itself. */
function leave(status: number): never {
  if (!process.connected) endGroup(process.pid)
  process.exit(status)
}

function makeWork(type: WorkClass, work: string): Work {
  try {
    return new type()
  } catch (error) {
    const { message, details } = workFailed(work, error)
    const hint = `In its own process a Work is made without arguments, new ${type.name}(), and its attributes are set afterwards`
    throw new PathmeshError('WORK_FAILED', `${message}. ${hint}`, {
      cause: error,
      ...(details === undefined ? {} : { details })
    })
  }
}

async function enter(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    process.chdir(folder)
    process.env.PWD = folder
  } catch (error) {
    throw toPathmeshError(error, `cannot enter the folder of the work, ${folder}`)
  }
}

function watchParent(): void {
  const watched: Watched = { parent: process.ppid }
  const file = import.meta.url.endsWith('.ts') ? './watchdog.ts' : './watchdog.js'
  const watchdog = new Worker(new URL(file, import.meta.url), { workerData: watched })
  watchdog.unref()
}

becomeWork()
const runner = new Runner()
process.on('message', message => {
  if (isTold(message)) void runner.told(message.pathmesh)
})
for (const signal of ['SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => void runner.end(`its process was sent ${signal}`))
// The program that hosts it is gone, without a word: nothing of this is wanted any more.
process.on('disconnect', () => leave(1))
// A terminal sends it to every process of a program: the one that hosts decides.
process.on('SIGINT', () => undefined)
process.on('uncaughtException', error => void runner.crash(error))
process.on('unhandledRejection', error => void runner.crash(error))
// Nobody reads any more: the last words go on.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)
