// Whole programs: an App, its Flow and its Works, each in a process of its own on this machine, and what passes between them.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { App, type AppOptions, Flow, type Mesh, Path, Payload, type Work } from '../../client/index.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'
import { Counts, Fails, Makes, Reads, Stays, Values, Waits, Writes } from './fixtures/works.ts'

type Works = Record<string, Work | Flow>

/** A Flow of what a test says. */
class Run extends Flow {
  readonly #run: (flow: { works: Works }) => Promise<void>
  works: Works = {}

  constructor(works: Works, run: (flow: { works: Works }) => Promise<void>) {
    super()
    this.#run = run
    this.works = works
  }

  async run(): Promise<void> {
    await this.#run(this)
  }
}

describe('an App', function () {
  this.timeout(60_000)
  let scene: Scene
  let daemon: Daemon
  let mesh: Mesh

  before(async () => {
    scene = await Scene.open()
    ;[daemon] = [must((await scene.mesh('a'))[0])]
    mesh = await scene.connect(daemon)
  })
  after(() => scene.close())

  const logs: string[] = []
  async function run<T>(
    works: Works,
    flow: (flow: { works: Works }) => Promise<T>,
    options: AppOptions = {}
  ): Promise<T> {
    logs.length = 0
    let result: { readonly value: T } | undefined
    const root = new Run(works, async it => void (result = { value: await flow(it) }))
    const onLog = (work: string, { text }: { text: string }): void => void logs.push(`${work}: ${text}`)
    await new App(root, { mesh, handleSignals: false, onLog, ...options }).run()
    return must(result).value
  }

  it('passes a file from a Work to another, and to one that is made later', async () => {
    const writes = new Writes({ as: 'writes' })
    const reads = new Reads({ as: 'reads' })
    const later = new Reads({ as: 'later' })
    const { made, found, again } = await run({ writes, reads }, async flow => {
      const result = await writes.run('hello')
      assert.ok(result.file instanceof Path)
      const first = await reads.run({ file: writes.file, list: [writes.out.join('a.txt')] })
      flow.works = { ...flow.works, later }
      return { made: result, found: first, again: await later.run({ file: result.file }) }
    })
    assert.equal(found['0.file']?.text, 'hello')
    assert.equal(found['0.list.0']?.text, 'a hello')
    assert.equal(again['0.file']?.text, 'hello')
    assert.deepEqual([found['0.file']?.work, found['0.file']?.origin], ['writes', daemon.peerId])
    assert.ok(found['0.file']?.wasHere)
    assert.notEqual(made.pid, process.pid)
    assert.match(made.cwd, /works\/writes$/)
    assert.equal(writes.runs, 1)
    // What was never written is told once, and fails nothing.
    assert.equal(logs.filter(line => line.includes('never/written')).length, 1)
  })

  it('fixes what it hands to a call, while an attribute follows its name', async () => {
    const writes = new Writes({ as: 'fixes' })
    const reads = new Reads({ as: 'follows' })
    const found = await run({ writes, reads }, async () => {
      await writes.run('one')
      reads.kept = writes.file
      const first = await reads.run({ file: writes.file })
      const slow = reads.run({
        file: writes.file,
        until: { path: mesh.path(`fixes@${daemon.peerId}/file.txt`), seq: 2 }
      })
      await writes.run('two')
      return { first, slow: await slow, last: await reads.run() }
    })
    assert.deepEqual([found.first['0.file']?.text, found.first.kept?.text], ['one', 'one'])
    assert.equal(found.slow['0.file']?.text, 'one')
    assert.equal(found.last.kept?.text, 'two')
  })

  it('hands over what does not exist yet, and what belongs to nobody', async () => {
    const writes = new Writes({ as: 'not-yet' })
    const waits = new Waits({ as: 'waits' })
    const reads = new Reads({ as: 'reads-nothing' })
    const [text, nothing] = await run({ writes, waits, reads }, async () => {
      const waiting = waits.run(writes.file)
      const found = await reads.run({ file: writes.missing, list: [new Path('of/nobody')] })
      await writes.run('at last')
      return [await waiting, found]
    })
    assert.equal(text, 'at last')
    assert.deepEqual(nothing?.['0.file'], {
      text: null,
      wasHere: false,
      work: 'not-yet',
      origin: daemon.peerId,
      seq: null
    })
    assert.equal(nothing?.['0.list.0']?.work, null)
  })

  it('gives every Work a copy of a Payload, one alone, in a list, and beside plain values', async () => {
    const makes = new Makes({ as: 'makes' })
    const all = ['v1', 'v2', 'v3'].map(as => new Values({ as }))
    const values = await run({ makes, ...Object.fromEntries(all.map((work, n) => [`v${n}`, work])) }, async () => {
      const result = await makes.run(5)
      assert.ok(result instanceof Payload && makes.df instanceof Payload)
      assert.throws(() => makes.df?.value, failsWith('NOT_FETCHED'))
      await assert.rejects(makes.df.get(), failsWith('DENIED', /Flow/))
      const { df, parts } = makes
      return await Promise.all(all.map(async work => await work.run(df, parts, 7, result)))
    })
    for (const value of values) assert.deepEqual(value, [{ col1: [5, 6] }, 5, 10, 7, [5]])
    assert.deepEqual(await mesh.payload('makes/df').get(), { col1: [5, 6] })
    assert.equal(await mesh.payload('makes/parts.1').get(), 10)
  })

  it('tells how a Work failed, with what it had set by then, and its stack', async () => {
    const fails = new Fails({ as: 'fails' })
    const error = await run({ fails }, async () => await fails.run('throw', 'today').catch((e: unknown) => e))
    assert.ok(error instanceof Error && error.cause instanceof Error)
    failsWith('WORK_FAILED', /fails.*RangeError: no luck today/)(error)
    assert.match(error.cause.stack ?? '', /fixtures\/works\.[jt]s:\d+/)
    assert.equal(fails.progress, 'about to throw')
  })

  it('tells that the process of a Work ended, and starts another for the next call', async () => {
    const fails = new Fails({ as: 'ends' })
    await run({ fails }, async () => {
      await assert.rejects(fails.run('exit'), failsWith('WORK_LOST', /ended with status 0/))
      await assert.rejects(fails.run('kill'), failsWith('WORK_LOST', /SIGKILL/))
      await assert.rejects(fails.run('reject'), failsWith('WORK_FAILED', /nobody caught this/))
      await assert.rejects(fails.run('unready'), failsWith('INVALID_ARGUMENT', /Payload/))
      await assert.rejects(fails.run('result'), failsWith('TOO_LARGE', /Payload/))
    })
  })

  it('cancels a call by its signal or its time, also of a Work that does not listen', async () => {
    const stays = new Stays({ as: 'stays' })
    await run({ stays }, async () => {
      const caller = new AbortController()
      const call = stays.with({ signal: caller.signal }).run('listens')
      await until('it runs', () => stays.state !== '')
      caller.abort(new Error('changed my mind'))
      await assert.rejects(call, /changed my mind/)
      const late = stays.with({ timeoutMs: 300 }).run('listens')
      await assert.rejects(late, failsWith('TIMEOUT', /300 ms/))
    })
    assert.ok(logs.includes('stays: it listens'), logs.join('\n'))
  })

  it('ends everything when it ends, and what a Work had is published', async () => {
    const stays = new Stays({ as: 'stopped' })
    await run({ stays }, async () => {
      void stays.run('listens').catch(() => undefined)
      await until('it runs', () => stays.state !== '')
    })
    const pid = Number(/running (\d+)/.exec(stays.state)?.[1])
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    assert.equal(await mesh.path('stopped/saved.txt').readFile('utf8'), 'listens')
  })

  it('leaves what a Work made to those who come later', async () => {
    const writes = new Writes({ as: 'earlier' })
    await run({ writes }, async () => await writes.run('still here'))
    assert.equal(await mesh.path('earlier/file.txt').readFile('utf8'), 'still here')
  })

  it('runs Flows in Flows, whose Works have names of their own', async () => {
    class Inner extends Flow {
      counts = new Counts()
      async run(): Promise<number> {
        return await this.counts.run()
      }
    }
    const inner = new Inner()
    assert.equal(await run({ inner }, async () => await inner.run()), 1)
    assert.ok(logs.includes('works.inner.counts: run 1'), logs.join('\n'))
    const works: string[] = []
    for await (const { work } of mesh.works()) works.push(work)
    assert.ok(works.includes('works.inner.counts'))
  })

  it('refuses two Works of one name, arguments without a JSON form, and a name that none can have', async () => {
    await assert.rejects(
      run({ a: new Counts({ as: 'same' }), b: new Counts({ as: 'same' }) }, async () => undefined),
      failsWith('NAME_CONFLICT', /same/)
    )
    const values = new Values({ as: 'refuses' })
    await run({ values }, async () => {
      const bad: never[] = JSON.parse('[1]')
      Reflect.set(bad, 0, new Map())
      await assert.rejects(values.run(...bad), failsWith('INVALID_ARGUMENT', /argument 1 of refuses\.run\(\).*Payload/))
      assert.throws(() => Reflect.set(values, 'model', new Map()), failsWith('INVALID_ARGUMENT', /Payload/))
    })
    await assert.rejects(
      run({ a: new Counts({ as: 'a/b' }) }, async () => undefined),
      failsWith('INVALID_ARGUMENT')
    )
  })

  it('rejects with what its Flow throws, after all has ended', async () => {
    const stays = new Stays({ as: 'thrown' })
    await assert.rejects(
      run({ stays }, async () => {
        void stays.run('listens').catch(() => undefined)
        await until('it runs', () => stays.state !== '')
        throw new Error('the Flow broke')
      }),
      /the Flow broke/
    )
    const pid = Number(/running (\d+)/.exec(stays.state)?.[1])
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  })

  it('does not tell state that did not change', async () => {
    const writes = new Writes({ as: 'quiet' })
    const told: string[][] = []
    await run({ writes }, async () => void (await writes.run('x')), {
      onState: (_, changed) => void told.push(Object.keys(changed))
    })
    assert.deepEqual([...new Set(told.flat())], ['runs'])
    assert.equal(await readFile(join(daemon.data, 'works/quiet/file.txt'), 'utf8'), 'x')
  })
})
