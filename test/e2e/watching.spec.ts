// What watchers see on another node: versions and retirements in order, none lost over a restart; and what a version tells.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'mocha'
import type { Mesh } from '../../client/index.ts'
import { WatchEvent } from '../../proto/api.ts'
import { META_BYTES_MAX } from '../../proto/limits.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

describe('a watch on another node', function () {
  this.timeout(60_000)
  let scene: Scene
  let [a, b]: Daemon[] = []
  let [here, there]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    ;[a, b] = await scene.mesh('a', 'b')
    here = await scene.connect(must(a))
    there = await scene.connect(must(b))
  })
  after(() => scene.close())

  it('yields versions and retirements as they come, in order; that of a Path those of its name', async () => {
    const all = must(there).watch({ prefix: 'seen/' })
    const one = must(there).path('seen/x').watch()
    assert.deepEqual([(await next(all)).event, (await next(one)).event], ['watching', 'watching'])
    const [x, xy] = [must(here).work('seen').path('x'), must(here).work('seen').path('xy')]
    const told: unknown[] = []
    const cursors: number[] = []
    const step = async (publish: Promise<unknown>): Promise<void> => {
      await publish
      const event = await next(all)
      if (event.event !== 'version' && event.event !== 'retired') assert.fail(event.event)
      told.push([event.event, event.path, event.seq])
      cursors.push(Number(event.cursor))
    }
    await step(x.writeFile('1', { meta: { epoch: 1 } }))
    await step(xy.writeFile('other'))
    await step(x.writeFile('2'))
    await step(x.unshare())
    await step(x.writeFile('3'))
    assert.deepEqual(told, [
      ['version', 'x', 1],
      ['version', 'xy', 1],
      ['version', 'x', 2],
      ['retired', 'x', 3],
      ['version', 'x', 4]
    ])
    assert.ok(cursors.every((cursor, i) => cursor > (cursors[i - 1] ?? -1)))
    const ofPath: unknown[] = []
    for (let i = 0; i < 4; i++) {
      const event = await next(one)
      if (event.event === 'version') ofPath.push([event.version.seq, event.version.meta])
      else if (event.event === 'retired') ofPath.push([event.seq, event.origin])
    }
    assert.deepEqual(ofPath, [
      [1, { epoch: 1 }],
      [2, null],
      [3, must(a).peerId],
      [4, null]
    ])
    await Promise.all([all.return(), one.return()])
    const history = await collect(must(there).history('seen/x'))
    assert.deepEqual(
      history.map(({ event, seq }) => [event, seq]),
      [
        ['version', 4],
        ['retired', 3],
        ['version', 2],
        ['version', 1]
      ]
    )
  })

  it('is told of aliases as versions of their own, with what they stand for', async () => {
    const work = must(here).work('best')
    await work.path('x').writeFile('good', { meta: { epoch: 1 } })
    const watch = must(there).watch({ prefix: 'best/' })
    assert.equal((await next(watch)).event, 'watching')
    await must(here).alias('best/good', work.path('x').at(1), { meta: { loss: 0.5 } })
    const event = await next(watch)
    if (event.event !== 'version') assert.fail(event.event)
    assert.deepEqual(
      [event.path, event.aliasOf, event.meta],
      ['good', `pathmesh://best@${must(a).peerId}/x?version=1`, { loss: 0.5 }]
    )
    await watch.return()
    await work.path('x').writeFile('worse')
    assert.equal(await must(there).path('best/good').readFile('utf8'), 'good')
  })

  it('tells of up to 4 KiB that go with a version; more are refused', async () => {
    const frame = JSON.stringify({ x: '' }).length
    const meta = { x: 'é'.repeat((META_BYTES_MAX - frame) / 2) }
    const path = must(here).work('meta').path('x')
    await path.writeFile('x', { meta: { x: 'x' } })
    await must(here).alias('meta/full', path, { meta })
    assert.deepEqual((await must(there).stat('meta/full')).meta, meta)
    await assert.rejects(
      must(here).alias('meta/more', path, { meta: { x: `${meta.x}e` } }),
      failsWith('INVALID_ARGUMENT', /meta/)
    )
    assert.equal(await must(here).path('meta/more').exists(), false)
  })

  it('by command prints a line for each, which the next goes on behind', async () => {
    const watch = must(b).begin(['watch', 'lines/'])
    const lines = () =>
      watch.stdout
        .split('\n')
        .slice(0, -1)
        .map(line => WatchEvent.parse(JSON.parse(line)))
    await until('it watches', () => lines().length === 1)
    const path = must(here).work('lines').path('x')
    await path.writeFile('1')
    await path.unshare()
    await until('it has told of both', () => lines().length === 3)
    watch.child.kill('SIGINT')
    assert.equal((await watch.ended).status, 130)
    const [watching, version, retired] = lines()
    assert.deepEqual(
      [watching, version, retired].map(line => line?.event),
      ['watching', 'version', 'retired']
    )
    const behind = must(b).begin(['watch', 'lines/', '--after', must(version).cursor])
    await until('it goes on', () => behind.stdout.split('\n').length > 2)
    behind.child.kill('SIGINT')
    assert.deepEqual(WatchEvent.parse((await behind.ended).lines[1]), retired)
  })

  it('goes on behind a cursor over a restart of its node, and misses nothing of what came meanwhile', async () => {
    const work = must(here).work('missed')
    const watch = must(there).watch({ prefix: 'missed/' })
    await next(watch)
    await work.path('0').writeFile('0')
    const { cursor } = await next(watch)
    await watch.return()
    await work.path('1').writeFile('1')
    await must(there).path('missed/1').waitFor({ timeoutMs: 10_000 })
    await must(there).close()
    await must(b).kill9()
    await work.path('2').writeFile('2')
    await work.path('1').unshare()
    b = scene.own(await must(b).again())
    there = await scene.connect(b)
    await connected(must(a), b)
    await work.path('3').writeFile('3')
    const again = there.watch({ prefix: 'missed/', after: cursor })
    const told: unknown[] = []
    while (told.length < 5) {
      const event = await next(again)
      if (event.event === 'version' || event.event === 'retired') told.push([event.event, event.path])
      else told.push(event.event)
    }
    assert.deepEqual(told, ['watching', ['version', '1'], ['version', '2'], ['retired', '1'], ['version', '3']])
    await again.return()
  })
})

async function next<T>(events: AsyncGenerator<T, void, undefined>): Promise<T> {
  const { done, value } = await events.next()
  if (done === true) assert.fail('the watch has ended')
  return value
}
