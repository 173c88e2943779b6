// A work and the node that it lives on: one at a time, followed by its bare name when it moves.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { type FolderEvent, hasCode, type Mesh } from '../../client/index.ts'
import { WorkLine } from '../../proto/works-api.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { collect, failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

describe('a work that moves', function () {
  this.timeout(60_000)
  let scene: Scene
  let [a, b, c]: Daemon[] = []
  let [first, second, third]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    ;[a, b, c] = await scene.mesh('a', 'b', 'c')
    ;[first, second, third] = await Promise.all([a, b, c].map(node => scene.connect(must(node))))
  })
  after(() => scene.close())

  it('is taken over from a connected node only when that is said, and then belongs to the new one', async () => {
    const own = must(first).work('taken')
    await own.path('x').writeFile('of a')
    const watch = own.watch({ settleMs: 10 })
    await nextEvent(watch, 'published')
    await assert.rejects(must(second).work('taken').folder(), failsWith('WORK_IN_USE', /takeOver/))
    await must(second).work('taken', { takeOver: true }).path('x').writeFile('of b')
    await assert.rejects(own.path('x').writeFile('of a again'), failsWith('WORK_IN_USE'))
    await writeFile(join(must(a).data, 'works', 'taken', 'x'), 'of a once more')
    const { error } = await nextEvent(watch, 'failed')
    assert.ok(failsWith('WORK_IN_USE', /lives on b/)(error))
    await watch.return()
    const homes = await until('the third knows of both claims', async () => {
      const lines = await collect(must(third).works())
      const found = linesOf('taken', lines)
      return found.get('b')?.epoch === 2 && found.get('b')?.names === 1 && found
    })
    assert.deepEqual(
      homes,
      new Map([
        ['a', { home: false, epoch: 1, connected: true, names: 1 }],
        ['b', { home: true, epoch: 2, connected: true, names: 1 }]
      ])
    )
    const { lines } = await must(c).cli(['works'])
    assert.deepEqual(
      linesOf(
        'taken',
        lines.map(line => WorkLine.parse(line))
      ),
      homes
    )
    assert.equal(await must(third).path('taken/x').readFile('utf8'), 'of b')
    assert.equal(await must(third).path('taken@a/x').readFile('utf8'), 'of a')
  })

  it('goes on by its bare name on another node, once its own was killed', async () => {
    const old = must(first).work('train').path('model')
    await old.writeFile('of a')
    const model = must(third).path('train/model')
    assert.equal(await model.readFile('utf8'), 'of a')
    const { cid } = await old.stat()
    await must(a).kill9()
    const moved = must(second).work('train').path('model')
    await until('the work is free', async () => {
      try {
        await moved.writeFile('of b now')
        return true
      } catch (error) {
        if (hasCode(error, 'WORK_IN_USE')) return false
        throw error
      }
    })
    await until('the third follows', async () => (await model.latest()).origin === must(b).peerId)
    assert.equal(await model.readFile('utf8'), 'of b now')
    const was = await must(third).stat('train@a/model')
    assert.deepEqual([was.cid, was.origin, was.size], [cid, must(a).peerId, 4])
  })
})

/** The next event of this kind. */
async function nextEvent<E extends FolderEvent['event']>(
  watch: AsyncGenerator<FolderEvent, void, undefined>,
  wanted: E
): Promise<Extract<FolderEvent, { event: E }>> {
  const isWanted = (event: FolderEvent): event is Extract<FolderEvent, { event: E }> => event.event === wanted
  while (true) {
    const { done, value } = await watch.next()
    if (done === true) assert.fail('the watch has ended')
    if (isWanted(value)) return value
  }
}

/** Of one work, by the name of the node. */
const linesOf = (name: string, lines: readonly WorkLine[]) =>
  new Map(
    lines
      .filter(({ work }) => work === name)
      .map(({ node, home, epoch, connected, names }) => [node, { home, epoch, connected, names }])
  )
