// What is missing from a watched folder: deleted, and so retired; or away, with its folder or its file system, and so left alone.

import assert from 'node:assert/strict'
import { mkdir, rename, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { smallFileSystem } from '../../helpers/privileges.ts'
import { SETTLE_MS, WatchedFolder } from './watched-folder.ts'

describe('a watched folder, where something is missing', () => {
  let watched: WatchedFolder

  beforeEach(async () => {
    watched = await WatchedFolder.make()
    await mkdir(watched.at('dir'))
    await writeFile(watched.at('dir', 'inside'), 'x')
    await writeFile(watched.at('file'), 'x')
  })
  afterEach(() => watched.remove())

  const paused = () => watched.passUntil('a pause', () => watched.of('paused').length > 0)
  const resumed = () => watched.passUntil('the end of the pause', () => watched.of('resumed').length > 0)

  it('retires what was deleted, when it has stayed away', async () => {
    watched.start()
    await watched.publications(2)
    await unlink(watched.at('file'))
    await rm(watched.at('dir'), { recursive: true })
    assert.ok((await watched.passUntil('both ends', () => watched.retired.length === 2)) >= SETTLE_MS)
    assert.deepEqual(watched.retired.toSorted(), ['work/dir', 'work/file'])
    assert.deepEqual(
      watched
        .of('retired')
        .map(({ url }) => url)
        .toSorted(),
      ['pathmesh://work/dir', 'pathmesh://work/file']
    )
    await writeFile(watched.at('file'), 'back again')
    await watched.publications(3)
    assert.deepEqual(watched.published[2], ['work/file', 10])
  })

  it('retires the old name of what was renamed, and publishes the new one', async () => {
    watched.start()
    await watched.publications(2)
    await rename(watched.at('file'), watched.at('renamed'))
    await watched.passUntil('both', () => watched.retired.length === 1 && watched.published.length === 3)
    assert.deepEqual([watched.retired, watched.published[2]], [['work/file'], ['work/renamed', 1]])
  })

  it('publishes a directory anew without what was deleted in it', async () => {
    watched.start()
    await watched.publications(2)
    await unlink(watched.at('dir', 'inside'))
    await watched.publications(3)
    assert.deepEqual([watched.retired, watched.published[2]], [[], ['work/dir', 0]])
  })

  it('does not retire what was missing at the start', async () => {
    watched.names.add('work/missing').add('work/dir/missing')
    watched.start({ fullLookMs: SETTLE_MS })
    await watched.publications(2)
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual(watched.retired, [])
  })

  it('does not retire what comes back in time', async () => {
    watched.start()
    await watched.publications(2)
    await rename(watched.at('file'), watched.at('..', 'away'))
    await watched.pass(SETTLE_MS * 0.7)
    await rename(watched.at('..', 'away'), watched.at('file'))
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual(watched.retired, [])
  })

  it('pauses while the folder is away, and goes on when it is back', async () => {
    watched.start()
    await watched.publications(2)
    await unlink(watched.at('file'))
    await rename(watched.folder, watched.at('..', 'away'))
    await paused()
    const [pause] = watched.of('paused')
    assert.equal(pause?.path, watched.folder)
    assert.match(pause?.error.detail ?? '', /nothing is published or retired: put it back/)
    await writeFile(watched.at('..', 'away', 'dir', 'more'), 'x')
    await watched.pass(SETTLE_MS * 4)
    assert.equal(watched.published.length, 2)
    await rename(watched.at('..', 'away'), watched.folder)
    await resumed()
    await watched.publications(3)
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual(watched.published[2], ['work/dir', 2])
    assert.deepEqual(watched.retired, [], 'nor what went before it did')
    await unlink(watched.at('dir', 'inside'))
    await watched.publications(4)
  })

  it('retires a link that leads nowhere when it is removed, also after a pause, but not one that went during it', async () => {
    for (const name of ['link', 'other']) await symlink('file', watched.at(name))
    watched.start()
    await watched.publications(4)
    await unlink(watched.at('file'))
    await watched.passUntil('the end of the file', () => watched.retired.length === 1)
    await rename(watched.folder, watched.at('..', 'away'))
    await paused()
    await unlink(watched.at('..', 'away', 'other'))
    await rename(watched.at('..', 'away'), watched.folder)
    await resumed()
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual(watched.retired, ['work/file'])
    await unlink(watched.at('link'))
    await watched.passUntil('the end of the link', () => watched.retired.length === 2)
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual(watched.retired, ['work/file', 'work/link'])
  })

  it('pauses where the folder was removed with all it held, and retires nothing', async () => {
    watched.startUnit(watched.at('dir'))
    await watched.publications(1)
    await rm(watched.at('dir'), { recursive: true })
    await paused()
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual([watched.retired, watched.published.length], [[], 1])
    await mkdir(watched.at('dir'))
    await writeFile(watched.at('dir', 'new'), 'x')
    await resumed()
  })

  it('pauses where the directory of a single file is away', async () => {
    watched.startUnit(watched.at('dir', 'inside'))
    await watched.publications(1)
    await rm(watched.at('dir'), { recursive: true })
    await paused()
    await mkdir(watched.at('dir'))
    await resumed()
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual(watched.retired, [])
  })

  it('pauses where another file system lies on the folder, as after the loss of a mount', async function () {
    const { dev } = await stat(watched.folder)
    watched.start({ fullLookMs: SETTLE_MS })
    await watched.publications(2)
    const mounted = smallFileSystem(watched.folder, 1)
    if (mounted === undefined) this.skip()
    try {
      assert.notEqual((await stat(watched.folder)).dev, dev)
      await paused()
      await watched.pass(SETTLE_MS * 4)
      assert.deepEqual(watched.of('resumed'), [])
    } finally {
      mounted.unmount()
    }
    await resumed()
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual(watched.retired, [])
  })

  it('fails, and retires nothing, where a file system that was mounted inside is gone', async function () {
    const mounted = smallFileSystem(watched.at('dir', 'mount'), 1)
    if (mounted === undefined) this.skip()
    try {
      await writeFile(watched.at('dir', 'mount', 'file'), 'x')
      watched.start({ fullLookMs: SETTLE_MS })
      await watched.publications(2)
    } finally {
      mounted.unmount()
    }
    await watched.passUntil('the failure', () => watched.of('failed').length > 0)
    assert.match(watched.of('failed')[0]?.error.detail ?? '', /mounted below .*dir is gone/)
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual([watched.retired, watched.published.length], [[], 2])
  })

  it('fails, and retires no name inside a directory, whose file system is gone', async function () {
    const mounted = smallFileSystem(watched.at('mount'), 1)
    if (mounted === undefined) this.skip()
    try {
      await writeFile(watched.at('mount', 'a'), 'x')
      watched.names.add('work/mount/a')
      watched.start({ fullLookMs: SETTLE_MS })
      await watched.publications(3)
    } finally {
      mounted.unmount()
    }
    await watched.passUntil('the failure', () => watched.of('failed').length > 0)
    assert.match(watched.of('failed')[0]?.error.detail ?? '', /mount lies on another file system than before/)
    await watched.pass(SETTLE_MS * 4)
    assert.deepEqual(watched.retired, [])
  })
})
