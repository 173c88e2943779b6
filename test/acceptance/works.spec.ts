// What people who come from Lightning's Apps rely on: how Paths and Payloads go between Works, Flows and machines. Each test names
// the tests of Lightning that it has its intent from.

import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { App, type AppOptions, Flow, type Mesh, Path, Payload, type Work } from '../../client/index.ts'
import { Values } from '../e2e/fixtures/works.ts'
import { must, Scene } from '../helpers/daemons.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'
import { ComesAndGoes, Describes, Destination, Fails, RunsCode, Sender, Source } from './fixtures/works.ts'

const MODULE = new URL(`fixtures/works${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url).href

class Root extends Flow {
  readonly #run: (flow: Root) => Promise<void>
  works: Record<string, Work>

  constructor(works: Record<string, Work>, run: (flow: Root) => Promise<void>) {
    super()
    this.works = works
    this.#run = run
  }

  async run(): Promise<void> {
    await this.#run(this)
  }
}

describe('a Work', function () {
  this.timeout(60_000)
  let scene: Scene
  let [here, there]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    const [a, b] = await scene.mesh('a', 'b')
    here = await scene.connect(must(a))
    there = await scene.connect(must(b))
  })
  after(() => scene.close())

  async function run(works: Record<string, Work>, flow: (flow: Root) => Promise<void>, options: AppOptions = {}) {
    const onLog = (): void => undefined
    await new App(new Root(works, flow), { mesh: must(here), handleSignals: false, onLog, ...options }).run()
  }

  // test_multiprocess_path_in_work_and_flow, and its _dynamic; the integration test idle_timeout
  it('gets a file of another machine, also once the Work that made it is gone', async () => {
    const hosted = await must(there).host({ module: MODULE, as: 'source', name: 'Source' })
    const source = new Source({ on: 'b', as: 'source' })
    const destination = new Destination(source.file, { as: 'destination' })
    const made = async (version: number, text: string): Promise<void> => {
      await source.run(text)
      const file = must(here).path('source@b/file.txt')
      await until('its node heard of it', async () => (await file.exists()) && (await file.latest()).seq === version)
    }
    await run({ source, destination }, async flow => {
      await made(1, 'first')
      const wanted = { wasHere: false, isHere: true, origin: must(there).peerId }
      assert.deepEqual(await destination.run(), { ...wanted, text: 'first', bytesFetched: 5 })
      await made(2, 'the second')
      await hosted.stop()
      const later = new Destination(source.file, { as: 'later' })
      flow.works = { ...flow.works, later }
      assert.deepEqual(await later.run(), { ...wanted, text: 'the second', bytesFetched: 10 })
    })
  })

  // test_path_as_argument_to_run_method, test_pathlike_as_argument_to_run_method_warns
  // test_proxy_work_run_paths_replace_origin_lightning_work_by_their_name
  it('is given references wherever they stand in its arguments, each of its own Work; text stays text', async () => {
    await must(here).work('mine').path('a').writeFile('x')
    const [path, payload] = [must(here).path('mine/a'), await must(here).put('mine/b', [1])]
    const describes = new Describes({ as: 'describes' })
    const file = await scene.file('of-the-flow', 'x')
    await run({ describes }, async () => {
      const nested = { deep: [{ path, payload }, null], nobody: new Path('of/nobody') }
      assert.deepEqual(await describes.run(path, nested, [payload], file), [
        'Path mine a true',
        {
          deep: [{ path: 'Path mine a true', payload: 'Payload mine b [1]' }, null],
          nobody: 'Path nobody of/nobody false'
        },
        ['Payload mine b [1]'],
        file
      ])
    })
  })

  // test_path_get_error_in_flow_context; test_lit_drive: refused in a Flow
  it('is who reads content: a Flow is refused, by any reference; it may ask what there is', async () => {
    await must(here).work('read').path('dir/').join('x').writeFile('x')
    await must(here).work('read').path('dir/').publish()
    const source = new Source({ as: 'readable' })
    await run({ source }, async flow => {
      await source.run('xyz')
      for (const path of [source.file, flow.mesh.path('read/dir/x')]) {
        const denied = failsWith('DENIED', /Flow/)
        await assert.rejects(path.get(), denied)
        await assert.rejects(path.get({ to: scene.at('denied') }), denied)
        await assert.rejects(path.readFile(), denied)
        await assert.rejects(path.createReadStream().toArray(), denied)
        assert.equal((await path.stat()).kind, 'file')
      }
      assert.equal((await flow.mesh.path('read/dir').list().next()).done, false)
      assert.equal((await flow.mesh.alias('read/good', source.file)).size, 3)
    })
  })

  // test_work_state_change_with_path, test_lightning_app_has_updated
  it('may set a Path, take it away and set it again: the Flow sees it come and go, and is told of nothing else', async () => {
    const work = new ComesAndGoes({ as: 'comes' })
    const told: unknown[] = []
    await run(
      { work },
      async () => {
        for (const wanted of ['there', undefined, 'there']) {
          await work.run()
          assert.equal(work.path?.path, wanted)
        }
        assert.equal(work.path?.work, 'comes')
      },
      { onState: (_, changed) => told.push(...Object.keys(changed)) }
    )
    assert.deepEqual([...new Set(told)], ['path'])
  })

  // test_payload_in_init, test_payload_in_run, test_structures_with_payload
  it('has Payloads from its constructor or its run, and hands each to two that run at the same time', async () => {
    const sender = new Sender({ as: 'sender' })
    const [left, right] = [new Values({ as: 'left' }), new Values({ as: 'right' })]
    await run({ sender, left, right }, async () => {
      for (const round of [0, 7]) {
        await sender.run(round)
        assert.ok(sender.value instanceof Payload && sender.value.isPublished)
        assert.deepEqual(
          [sender.value.work, sender.value.origin, sender.value.path],
          ['sender', must(here).peerId, 'value']
        )
        const given = [sender.value, sender.list] as const
        const both = await Promise.all([left.run(...given), right.run(...given)])
        assert.deepEqual(both, [
          [{ a: round }, round],
          [{ a: round }, round]
        ])
      }
    })
  })

  // test_tracer_component_with_code, test_tracer_component_with_code_in_dir; test_persist_artifacts: foreign ones are skipped
  it('has the newest content of a directory that it holds when it runs again, and nothing of the old', async () => {
    const folder = await scene.directory('code')
    const publish = async (name: string, said: string): Promise<void> => {
      await rm(folder, { recursive: true })
      await scene.file(`code/${name}`, '')
      await writeFile(join(folder, 'main.txt'), said)
      await must(here).share(folder, { as: 'code/dir' })
    }
    const work = new RunsCode({ as: 'runs-code' })
    const printed: string[] = []
    await publish('old.txt', 'one')
    const flow = async (): Promise<void> => {
      work.code = must(here).path('code/dir/')
      assert.deepEqual(await work.run(), { names: ['main.txt', 'old.txt'], said: 'one' })
      await publish('new.txt', 'two')
      assert.deepEqual(await work.run(), { names: ['main.txt', 'new.txt'], said: 'two' })
    }
    await run({ work }, flow, { onLog: (_, { text }) => printed.push(text) })
    // What another published is not looked for in the folder of who holds it.
    assert.deepEqual(printed, [])
  })

  // test_persist_artifacts
  it('has what it published before it failed; what it only wrote is not published', async () => {
    const fails = new Fails({ as: 'fails-late' })
    await run({ fails }, async () => await assert.rejects(fails.run(), failsWith('WORK_FAILED', /then it broke/)))
    const early = must(there).path('fails-late/early.txt')
    await until('the other node heard of it', async () => await early.exists())
    assert.equal(await early.readFile('utf8'), 'in time')
    assert.equal(await must(there).path('fails-late/late.txt').exists(), false)
  })
})
