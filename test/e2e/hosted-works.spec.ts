// Works that another node hosts: calls between real daemons, and what becomes of a call when a process, a daemon or a node goes.

import assert from 'node:assert/strict'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { App, Flow, type Mesh, type Work } from '../../client/index.ts'
import type { Started } from '../helpers/commands.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'
import { Counts, CountsAgain, Fails, Reads, Stays, Writes } from './fixtures/works.ts'

const MODULE = join(import.meta.dirname, `fixtures/works${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`)

class One<W extends Work, T> extends Flow {
  work: W
  result: T | null = null
  readonly #run: (work: W) => Promise<T>

  constructor(work: W, run: (work: W) => Promise<T>) {
    super()
    this.work = work
    this.#run = run
  }

  async run(): Promise<T> {
    return await this.#run(this.work)
  }
}

describe('a hosted Work', function () {
  this.timeout(90_000)
  let scene: Scene
  let daemons: Daemon[] = []
  let mesh: Mesh
  const hosts: Started[] = []

  before(async () => {
    scene = await Scene.open()
    daemons = await scene.mesh('flow', 'gpu')
    mesh = await scene.connect(must(daemons[0]))
  })
  after(async () => {
    for (const { child } of hosts) child.kill('SIGKILL')
    await Promise.all(hosts.map(({ ended }) => ended))
    await scene.close()
  })

  async function host(as: string, type: string, module = MODULE): Promise<Started> {
    const started = must(daemons[1]).begin(['works', 'host', module, '--as', as, '--export', type])
    hosts.push(started)
    await until(`${as} is hosted`, () => {
      if (started.hasEnded) throw new Error(`the host ended: ${started.stderr}`)
      return started.stdout.includes('"hosting"')
    })
    return started
  }

  async function run<W extends Work, T>(
    work: W,
    flow: (work: W) => Promise<T>,
    onLog: (text: string) => void = () => undefined
  ): Promise<T> {
    let result: { readonly value: T } | undefined
    const root = new One(work, async one => void (result = { value: await flow(one) }))
    await new App(root, { mesh, handleSignals: false, onLog: (_, { text }) => onLog(text) }).run()
    return must(result).value
  }

  it('runs there, on the references it is given, and what it sets and prints comes back', async () => {
    await host('writes', 'Writes')
    const writes = new Writes({ on: 'gpu', as: 'writes' })
    const { file } = await run(writes, async work => await work.run('from afar'))
    assert.equal(writes.runs, 1)
    assert.equal(writes.file.origin, must(daemons[1]).peerId)
    assert.equal(await mesh.path(file.toString()).readFile('utf8'), 'from afar')
    assert.equal(await mesh.path('writes/out/a.txt').readFile('utf8'), 'a from afar')
    const host2 = await host('reads', 'Reads')
    await mesh.work('mine').path('input.txt').writeFile('of the flow')
    const reads = new Reads({ on: must(daemons[1]).peerId, as: 'reads' })
    reads.late = mesh.path('mine/input.txt')
    const found = await run(
      reads,
      async work => await work.run({ file: mesh.path('mine/input.txt'), late: mesh.path('mine/input.txt') })
    )
    assert.equal(found['0.file']?.text, 'of the flow')
    host2.child.kill('SIGINT')
    assert.equal((await host2.ended).status, 130)
  })

  it('is listed, with what it does; and can be called by a command', async () => {
    await host('counts', 'Counts')
    const lines = (await must(daemons[0]).cli(['works'])).lines
    assert.ok(
      lines.some(line => JSON.stringify(line).includes('"work":"counts"')),
      JSON.stringify(lines)
    )
    const outcome = await must(daemons[0]).cli(['run', 'counts', '--on', 'gpu', '--arg', 'ms=0'])
    assert.equal(outcome.status, 0, outcome.stderr)
    assert.match(outcome.stdout, /"event":"done".*"result":1/)
  })

  it('fetches nothing that is lazy before it runs', async () => {
    await host('lazy', 'Reads')
    await mesh.work('mine').path('late.txt').writeFile('late')
    const reads = new Reads({ on: 'gpu', as: 'lazy' })
    const path = mesh.path('mine/late.txt')
    const found = await run(reads, async work => await work.run({ late: path }))
    assert.deepEqual([found['0.late']?.text, found['0.late']?.wasHere], ['late', false])
  })

  it('is called with the same module only, by those who may, where it is hosted', async () => {
    const copy = join(await scene.directory('copied'), 'works.js')
    await copyFile(MODULE, copy)
    const text = (await readFile(copy, 'utf8')).replace(
      '../../../client/index.js',
      new URL('../../client/index.js', import.meta.url).href
    )
    await writeFile(copy, text)
    await host('differs', 'Counts', copy)
    const on = 'gpu'
    await assert.rejects(
      run(new Counts({ on, as: 'differs' }), async work => await work.run()),
      failsWith('INCOMPATIBLE', /differs|module|hash/)
    )
    await assert.rejects(
      run(new Counts({ on, as: 'nowhere' }), async work => await work.run()),
      failsWith('NOT_FOUND', /works host/)
    )
    await assert.rejects(
      run(new Counts({ on: 'no-such-node', as: 'nowhere' }), async work => await work.run()),
      failsWith('NOT_FOUND', /no-such-node/)
    )
    // What an App runs on its own machine is not for others.
    const local = new Counts({ as: 'private' })
    const called = await run(local, async work => {
      await work.run()
      return await must(daemons[1]).cli(['run', 'private', '--on', 'flow'])
    })
    assert.equal(called.status, 3, called.stderr)
  })

  it('tells how it failed, and on which node', async () => {
    await host('fails', 'Fails')
    const fails = new Fails({ on: 'gpu', as: 'fails' })
    await run(fails, async work => {
      const error = await work.run('throw', 'far away').catch((e: unknown) => e)
      failsWith('WORK_FAILED', /no luck far away/)(error)
      assert.match(
        error instanceof Error && error.cause instanceof Error ? (error.cause.stack ?? '') : '',
        /works\.[jt]s:\d+/
      )
      assert.equal(work.progress, 'about to throw')
      await assert.rejects(work.run('kill'), failsWith('WORK_LOST', /SIGKILL/))
    })
  })

  it('runs once although its daemon is killed and started again meanwhile', async () => {
    await host('survives', 'Counts')
    const counts = new Counts({ on: 'gpu', as: 'survives' })
    const result = await run(counts, async work => {
      const call = work.run({ ms: 4000 })
      await until('it runs', () => counts.count === 1)
      await must(daemons[1]).kill9()
      daemons[1] = scene.own(await must(daemons[1]).again())
      return await call
    })
    assert.equal(result, 1)
    const folder = join(must(daemons[1]).data, 'works/survives/count')
    assert.equal(await readFile(folder, 'utf8'), 'x')
  })

  it('whose host is gone with its daemon has an outcome that nobody knows, or runs again where it is idempotent', async () => {
    const started = [await host('unknown', 'Counts'), await host('again', 'CountsAgain')]
    const unknown = new Counts({ on: 'gpu', as: 'unknown' })
    const again = new CountsAgain({ on: 'gpu', as: 'again' })
    await Promise.all([
      run(unknown, async work => await assert.rejects(work.run({ ms: 60_000 }), failsWith('OUTCOME_UNKNOWN'))),
      run(again, async work => {
        // The process is another one, which counts anew: the folder knows of both runs.
        assert.equal(await work.run({ ms: 3000 }), 1)
        assert.equal(await readFile(join(must(daemons[1]).data, 'works/again/count'), 'utf8'), 'xx')
      }),
      (async () => {
        await until('both run', () => unknown.count === 1 && again.count === 1)
        for (const { child } of started) child.kill('SIGKILL')
        await must(daemons[1]).kill9()
        daemons[1] = scene.own(await must(daemons[1]).again())
        await host('again', 'CountsAgain')
      })()
    ])
  })

  it('is lost when its node stays away, within the time that the caller gives', async () => {
    await host('away', 'Stays')
    const stays = new Stays({ on: 'gpu', as: 'away', lostMs: 1500 })
    await run(stays, async work => {
      const call = assert.rejects(work.run('listens'), failsWith('WORK_LOST', /gpu|1\.5|1500/))
      await until('it runs', () => stays.state !== '')
      await must(daemons[1]).kill9()
      await call
      daemons[1] = scene.own(await must(daemons[1]).again())
    })
  })
})
