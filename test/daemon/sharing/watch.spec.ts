// A watched folder while tools that know nothing of it write into it: what is published, when, and how often.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFile, mkdir, open, rename, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { until } from '../../helpers/until.ts'
import { SETTLE_MS, WatchedFolder } from './watched-folder.ts'

const run = promisify(execFile)
/** So long that what takes less was not waited for, on however slow a machine. */
const LONG_MS = 50_000

describe('a watched folder publishes', () => {
  let watched: WatchedFolder

  beforeEach(async () => {
    watched = await WatchedFolder.make()
  })
  afterEach(() => watched.remove())

  async function restart(when: 'future'): Promise<void> {
    await watched.remove()
    watched = await WatchedFolder.make(when)
  }

  /** Something else is published later, and so what was due before it has been done. */
  async function later(): Promise<void> {
    const before = watched.published.length
    await writeFile(watched.at('later'), `${before}`)
    await watched.passUntil('a later file', () =>
      watched.published.slice(before).some(([name]) => name.endsWith('later'))
    )
    watched.published.splice(
      watched.published.findLastIndex(([name]) => name.endsWith('later')),
      1
    )
  }

  it('what is there at the start, each entry under its name, links followed', async () => {
    await mkdir(watched.at('dir', 'sub'), { recursive: true })
    await writeFile(watched.at('dir', 'sub', 'a'), 'a')
    await writeFile(watched.at('file'), 'four')
    await symlink('file', watched.at('link'))
    watched.start()
    await watched.publications(3)
    assert.deepEqual(Object.fromEntries(watched.published), { 'work/dir': 2, 'work/file': 4, 'work/link': 4 })
  })

  it('at once what was settled long before the start', async () => {
    await restart('future')
    await writeFile(watched.at('old'), 'old')
    watched.start({ settleMs: LONG_MS })
    assert.ok((await watched.publications(1)) < LONG_MS)
  })

  it('5,000 files that are copied into one directory as one version', async () => {
    await mkdir(watched.at('..', 'source'))
    for (let i = 0; i < 50; i++) {
      const names = Array.from({ length: 100 }, (_, j) => watched.at('..', 'source', `${i}-${j}`))
      await Promise.all(names.map(name => writeFile(name, 'x')))
    }
    watched.start()
    await later()
    // Time stands still while the copy goes on: no machine is too slow for this test.
    await run('cp', ['-r', watched.at('..', 'source'), watched.at('copy')])
    await watched.publications(1)
    await later()
    assert.deepEqual(watched.published, [['work/copy', 5_000]])
  })

  it('what tar unpacks, with its old times, as one version', async () => {
    await mkdir(watched.at('..', 'source', 'inner'), { recursive: true })
    for (const name of ['a', 'b', 'inner/c']) await writeFile(watched.at('..', 'source', name), name)
    await run('tar', ['-cf', watched.at('..', 'source.tar'), '--mtime=2020-01-01', '-C', watched.at('..'), 'source'])
    watched.start()
    await later()
    await run('tar', ['-xf', watched.at('..', 'source.tar'), '-C', watched.folder])
    await watched.publications(1)
    await later()
    assert.deepEqual(watched.published, [['work/source', 4]])
  })

  it('a file that grows with pauses once, when it has stopped', async () => {
    watched.start()
    for (let part = 0; part < 12; part++) {
      await appendFile(watched.at('growing'), 'x'.repeat(1_000))
      await watched.pass(SETTLE_MS * 0.7)
      assert.deepEqual(watched.published, [])
    }
    await watched.publications(1)
    await later()
    assert.deepEqual(watched.published, [['work/growing', 12_000]])
  })

  it('a file that is written in place again when it has settled again', async () => {
    await writeFile(watched.at('file'), 'first')
    watched.start()
    await watched.publications(1)
    await truncate(watched.at('file'), 0)
    await writeFile(watched.at('file'), 'second!')
    await watched.publications(2)
    assert.deepEqual(watched.published[1], ['work/file', 7])
  })

  it('what is renamed into place without waiting until it has settled', async () => {
    await restart('future')
    await mkdir(watched.at('..', 'made', 'inner'), { recursive: true })
    await writeFile(watched.at('..', 'made', 'inner', 'file'), 'x')
    await writeFile(watched.at('..', 'whole'), 'whole')
    await mkdir(watched.at('dir'))
    watched.start({ settleMs: LONG_MS })
    await watched.publications(1)
    await rename(watched.at('..', 'whole'), watched.at('whole'))
    assert.ok((await watched.publications(2)) < LONG_MS)
    await rename(watched.at('..', 'made'), watched.at('made'))
    assert.ok((await watched.publications(3)) < LONG_MS)
    await rename(watched.at('made'), watched.at('dir', 'made'))
    assert.ok((await watched.publications(4)) < LONG_MS)
    assert.deepEqual(watched.published.slice(1, 4), [
      ['work/whole', 5],
      ['work/made', 2],
      ['work/dir', 3]
    ])
  })

  it('what is written no sooner than it has settled', async () => {
    watched.start()
    await later()
    await writeFile(watched.at('file'), 'x')
    assert.ok((await watched.publications(1)) >= SETTLE_MS)
  })

  it('neither an empty file nor a new directory before it has settled, though nothing is written', async () => {
    await mkdir(watched.at('dir'))
    watched.start()
    await watched.publications(1)
    await mkdir(watched.at('made'))
    await writeFile(watched.at('empty'), '')
    await writeFile(watched.at('dir', 'empty'), '')
    assert.ok((await watched.publications(2)) >= SETTLE_MS)
    await watched.publications(4)
    await mkdir(watched.at('made', 'inner'))
    assert.ok((await watched.publications(5)) >= SETTLE_MS)
  })

  it('what an editor saves as a new version, whichever way it saves, and no temporary file of it', async () => {
    await writeFile(watched.at('text'), '1')
    watched.start()
    await watched.publications(1)
    await writeFile(watched.at('.text.swp'), 'swap')
    await writeFile(watched.at('.pathmesh-abc.tmp'), 'temporary')
    await writeFile(watched.at('4913'), '')
    await unlink(watched.at('4913'))
    await rename(watched.at('text'), watched.at('text~'))
    await writeFile(watched.at('text'), '22')
    await unlink(watched.at('text~'))
    await watched.publications(2)
    await writeFile(watched.at('.text.new'), '333')
    await rename(watched.at('.text.new'), watched.at('text'))
    await watched.publications(3)
    await later()
    assert.deepEqual(watched.published, [
      ['work/text', 1],
      ['work/text', 2],
      ['work/text', 3]
    ])
    assert.deepEqual(watched.retired, [])
  })

  it('again what changed while it was being published', async () => {
    await writeFile(watched.at('file'), 'first')
    watched.onPublish = async () => {
      watched.onPublish = () => undefined
      await appendFile(watched.at('file'), ' second')
    }
    watched.start()
    await watched.publications(2)
    assert.deepEqual(watched.published[1], ['work/file', 12])
  })

  it('what changed in files that no notice tells of, by looking at everything now and then', async () => {
    await writeFile(watched.at('..', 'elsewhere'), 'first')
    await symlink('../elsewhere', watched.at('link'))
    watched.start({ fullLookMs: SETTLE_MS * 4, dereference: true })
    await watched.publications(1)
    await writeFile(watched.at('..', 'elsewhere'), 'second')
    await watched.publications(2)
    assert.deepEqual(watched.published[1], ['work/link', 6])
  })

  it('what is written in directories that were made, removed and made again', async () => {
    await mkdir(watched.at('dir', 'a', 'b'), { recursive: true })
    watched.startUnit(watched.at('dir'), { fullLookMs: 3_600_000 })
    await watched.publications(1)
    for (let round = 0; round < 3; round++) {
      await rm(watched.at('dir', 'a'), { recursive: true })
      await mkdir(watched.at('dir', 'a', 'b'), { recursive: true })
      await watched.pass(SETTLE_MS * 3)
      const before = watched.published.length
      await writeFile(watched.at('dir', 'a', 'b', 'c'), `${round}`)
      await watched.publications(before + 1)
      assert.deepEqual(watched.published.at(-1), ['node/unit', 3])
    }
  })

  it('with a marker, a directory when the marker appears or changes, and not before', async () => {
    await mkdir(watched.at('epoch'))
    await writeFile(watched.at('epoch', 'a'), 'a')
    watched.start({ marker: '_SUCCESS' })
    await later()
    await later()
    assert.deepEqual(watched.published, [])
    await writeFile(watched.at('epoch', '_SUCCESS'), '')
    await watched.publications(1)
    await writeFile(watched.at('epoch', 'b'), 'b')
    await later()
    await later()
    assert.deepEqual(watched.published, [['work/epoch', 2]])
    await writeFile(watched.at('epoch', '_SUCCESS'), 'again')
    await watched.publications(2)
    assert.deepEqual(watched.published[1], ['work/epoch', 3])
  })

  it('a directory whose marker appeared without waiting until it has settled', async () => {
    const before = WatchedFolder.directories
    await mkdir(watched.at('epoch'))
    watched.start({ marker: '_SUCCESS', settleMs: LONG_MS })
    await until('both are watched', () => WatchedFolder.directories >= before + 2)
    await writeFile(watched.at('epoch', '_SUCCESS'), '')
    assert.ok((await watched.publications(1)) < LONG_MS)
  })

  it('names of their own inside a directory where names are published already', async () => {
    await mkdir(watched.at('dir', 'sub'), { recursive: true })
    await writeFile(watched.at('dir', 'a'), 'a')
    watched.names.add('work/dir/a')
    watched.start()
    await watched.publications(2)
    await writeFile(watched.at('dir', 'b'), 'b')
    await watched.publications(3)
    assert.deepEqual(watched.published.map(([name]) => name).toSorted(), ['work/dir/a', 'work/dir/b', 'work/dir/sub'])
    await rm(watched.at('dir'), { recursive: true })
    await watched.passUntil('all retired', () => watched.retired.length === 3)
    assert.deepEqual(watched.retired.toSorted(), ['work/dir/a', 'work/dir/b', 'work/dir/sub'])
  })

  it('a single file under its name, and nothing beside it', async () => {
    await writeFile(watched.at('file'), 'one')
    watched.startUnit(watched.at('file'))
    await watched.publications(1)
    await writeFile(watched.at('beside'), 'x')
    await writeFile(watched.at('new'), 'three')
    await rename(watched.at('new'), watched.at('file'))
    await watched.publications(2)
    assert.deepEqual(watched.published, [
      ['node/unit', 3],
      ['node/unit', 5]
    ])
    await unlink(watched.at('file'))
    await watched.passUntil('its end', () => watched.retired.length > 0)
    assert.deepEqual(watched.retired, ['node/unit'])
  })

  it('nothing that is excluded, and is not disturbed by it', async () => {
    await mkdir(watched.at('dir', 'cache'), { recursive: true })
    watched.start({ exclude: ['*.log', 'cache/**'] })
    const log = await open(watched.at('run.log'), 'a')
    await watched.passUntil('the directory', async () => {
      await log.write('x')
      await writeFile(watched.at('dir', 'cache', 'x'), `${watched.clock.now()}`)
      await appendFile(watched.at('dir', 'deep.log'), 'x')
      return watched.published.length > 0
    })
    await log.close()
    await later()
    assert.deepEqual(
      watched.published.map(([name]) => name),
      ['work/dir']
    )
  })
})
