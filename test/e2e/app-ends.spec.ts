// How Apps end, and begin again: with calls that nobody waits for, by Ctrl-C, twice; and calls of one Work at the same time.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { after, before, describe, it } from 'mocha'
import { App, Flow, type Mesh, Payload } from '../../client/index.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'
import { Adds, Counts, Makes } from './fixtures/works.ts'

const PROGRAM = fileURLToPath(new URL('./fixtures/program.js', import.meta.url))

describe('a program with an App', function () {
  this.timeout(60_000)
  let scene: Scene
  let daemon: Daemon
  let mesh: Mesh

  before(async () => {
    scene = await Scene.open()
    daemon = must((await scene.mesh('a'))[0])
    mesh = await scene.connect(daemon)
  })
  after(() => scene.close())

  async function program(how: string, signal?: NodeJS.Signals) {
    const child = spawn(process.execPath, [PROGRAM, how, daemon.data], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (out += piece))
    const [err, ended] = [text(child.stderr), once(child, 'close')]
    const pid = Number(await until('its Work runs', () => /running (\d+)/.exec(out)?.[1]))
    if (signal !== undefined) child.kill(signal)
    await ended
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    return { out, err: await err, status: child.exitCode, signal: child.signalCode }
  }

  it('ends with its Flow, though nobody waited for a call', async () => {
    const { status, out, err } = await program('unawaited')
    assert.deepEqual([status, err], [0, ''])
    assert.match(out, /\ncounted 1\n$/)
    assert.equal(await mesh.path('program-unawaited-stays/saved.txt').readFile('utf8'), 'listens')
  })

  it('tells why its Flow failed, and not what ended because of that', async () => {
    const { status, err } = await program('fault')
    assert.equal(status, 1)
    assert.match(err, /RangeError: no luck this time/)
    assert.doesNotMatch(err, /has ended/)
  })

  it('ends by Ctrl-C, with all that it runs, which publishes what it has', async () => {
    const { signal, err } = await program('interrupted', 'SIGINT')
    assert.deepEqual([signal, err], ['SIGINT', ''])
    assert.equal(await mesh.path('program-interrupted-stays/saved.txt').readFile('utf8'), 'listens')
  })

  class Root extends Flow {
    adds = new Adds({ as: 'adds' })
    many: Counts[] = []
    other: Payload<number> | null = null
    readonly #run: (root: Root) => Promise<unknown>

    constructor(run: (root: Root) => Promise<unknown>) {
      super()
      this.#run = run
    }

    async run(): Promise<unknown> {
      return await this.#run(this)
    }
  }
  const options = () => ({ mesh, handleSignals: false, onLog: () => undefined })

  it('calls one Work several times at once: each sees what the one before left', async () => {
    const root = new Root(async ({ adds }) => await Promise.all([30, 20, 10].map(value => adds.run(value))))
    assert.deepEqual(await new App(root, options()).run(), [30, 50, 60])
    assert.equal(root.adds.total, 60)
  })

  it('runs again, and its Flow in another App', async () => {
    const root = new Root(async ({ adds }) => await adds.run(1))
    const app = new App(root, options())
    assert.equal(await app.run(), 1)
    assert.equal(await app.run(), 2)
    assert.equal(await new App(root, options()).run(), 3)
    const twice = app.run()
    await assert.rejects(app.run(), /runs already/)
    assert.equal(await twice, 4)
  })

  it('counts a wait for other calls of a Work as time of the call', async () => {
    const root = new Root(async ({ adds }) => {
      const long = adds.run(1500)
      await assert.rejects(adds.with({ timeoutMs: 100 }).run(1), failsWith('TIMEOUT', /had not begun/))
      return await long
    })
    assert.equal(await new App(root, options()).run(), 1500)
  })

  it('runs Works where they belong: those of its Flow, also in a list that was filled later, and no others', async () => {
    const root = new Root(async ({ many }) => {
      many.push(new Counts())
      assert.equal(await must(many[0]).run(), 1)
      await assert.rejects(new Counts().run(), /no part of a Flow/)
      await assert.rejects(new Counts().with({}).run(), /no part of a Flow/)
    })
    await new App(root, options()).run()
    assert.equal(await new Adds().run(2), 2)
  })

  it('publishes Payloads that its Flow makes, as attributes and as arguments', async () => {
    const root = new Root(async ({ adds }) => {
      adds.seen = new Payload({ from: 'the flow' })
      return await adds.run(new Payload(5))
    })
    assert.equal(await new App(root, options()).run(), 5)
    assert.deepEqual(root.adds.seen, { from: 'the flow' })
    assert.deepEqual(await mesh.payload('adds/seen').get(), { from: 'the flow' })
    // One after the other, each with what was handed to it; and whatever their shape.
    const many = new Root(
      async ({ adds }) => await Promise.all([7, 8, 9, 10].map(value => adds.run(new Payload(value))))
    )
    many.adds.total = 0
    assert.deepEqual(await new App(many, options()).run(), [7, 15, 24, 34])
    const shapes = new Root(async ({ adds }) => {
      adds.seen = { deep: [new Payload(1)], 'a.b/c': new Payload(2) }
      return await adds.run(0)
    })
    await new App(shapes, options()).run()
    assert.equal(await mesh.payload('adds/seen.deep.0').get(), 1)
  })

  it('keeps the results of several calls apart, while there are not too many', async () => {
    class Results extends Flow {
      makes = new Makes({ as: 'results' })
      async run(): Promise<Payload<number[]>[]> {
        const results: Payload<number[]>[] = []
        for (let value = 1; value <= 4; value++) results.push(await this.makes.run(value))
        return results
      }
    }
    const results = must(await new App(new Results(), options()).run())
    const values = await Promise.all(results.map(async result => await mesh.payload(result.toJSON()).get()))
    assert.deepEqual(values, [[1], [2], [3], [4]])
  })

  it('leaves no listener where it could not begin', async () => {
    const before = process.listenerCount('SIGINT')
    await assert.rejects(
      new App(new Root(async () => 1), { data: scene.at('nothing') }).run(),
      failsWith('DAEMON_UNREACHABLE')
    )
    assert.equal(process.listenerCount('SIGINT'), before)
  })
})
