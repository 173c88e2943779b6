// What a watched folder does where it cannot publish: it says so once, and goes on; and how it ends.

import assert from 'node:assert/strict'
import { mkdir, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { silentLog } from '../../../daemon/log.ts'
import { watchFolder } from '../../../daemon/sharing/watch/folder-watch.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { failsWith } from '../../helpers/trees.ts'
import { until } from '../../helpers/until.ts'
import { SETTLE_MS, WatchedFolder } from './watched-folder.ts'

describe('a watched folder', () => {
  let watched: WatchedFolder

  beforeEach(async () => {
    watched = await WatchedFolder.make()
  })
  afterEach(() => watched.remove())

  describe('fails', () => {
    it('for a unit with an event, once, and tries again when it changes', async () => {
      let tries = 0
      await writeFile(watched.at('file'), '1')
      watched.onPublish = ({ name }) => {
        if (name === 'work/file' && ++tries < 3) throw new PathmeshError('NAME_CONFLICT', 'the name is taken')
      }
      watched.start()
      await watched.passUntil('the failure', () => watched.of('failed').length > 0)
      assert.deepEqual(
        watched.of('failed').map(({ path, error }) => [path, error.code]),
        [[watched.at('file'), 'NAME_CONFLICT']]
      )
      await watched.pass(SETTLE_MS * 4)
      assert.equal(tries, 1)
      await writeFile(watched.at('file'), '22')
      await watched.passUntil('another try', () => tries === 2)
      await writeFile(watched.at('file'), '333')
      await watched.publications(1)
      assert.equal(watched.of('failed').length, 1, 'the same is told once')
    })

    it('for a link out of a work, until it is replaced; one that stays inside is published', async () => {
      await writeFile(watched.at('..', 'secret'), 'secret')
      await mkdir(watched.at('dir'))
      await writeFile(watched.at('dir', 'x'), 'x')
      await symlink('../secret', watched.at('out'))
      await symlink('out', watched.at('through'))
      await symlink('..', watched.at('up'))
      await symlink(watched.at('dir', 'x'), watched.at('inside'))
      watched.start({ fullLookMs: SETTLE_MS })
      await watched.passUntil('the failures', () => watched.of('failed').length === 3)
      await watched.publications(2)
      await watched.pass(SETTLE_MS * 4)
      assert.deepEqual(watched.published.map(([name]) => name).toSorted(), ['work/dir', 'work/inside'])
      const failed = watched.of('failed')
      assert.deepEqual(
        failed.map(({ path }) => path).toSorted(),
        ['out', 'through', 'up'].map(name => watched.at(name))
      )
      for (const { error } of failed) {
        assert.equal(error.code, 'UNSAFE_NAME')
        assert.match(error.detail, /put there what it points to/)
      }
      await unlink(watched.at('out'))
      await writeFile(watched.at('out'), 'mended')
      await watched.passUntil('what is there now', () => watched.names.has('work/out'))
    })

    it('for what lies behind a directory that has become a link out of the work', async () => {
      await mkdir(watched.at('dir'))
      await writeFile(watched.at('dir', 'x'), 'x')
      watched.names.add('work/dir/x')
      watched.start({ fullLookMs: SETTLE_MS })
      await watched.publications(1)
      await mkdir(watched.at('..', 'elsewhere'))
      await writeFile(watched.at('..', 'elsewhere', 'x'), 'secret')
      await rename(watched.at('dir'), watched.at('..', 'away'))
      await symlink('../elsewhere', watched.at('dir'))
      await watched.passUntil('the failures', () => watched.of('failed').length === 2)
      await watched.pass(SETTLE_MS * 4)
      assert.deepEqual(watched.published, [['work/dir/x', 1]])
    })

    it('not where the source changed meanwhile: it waits until it has settled again', async () => {
      let tries = 0
      await writeFile(watched.at('file'), '1')
      watched.onPublish = () => {
        if (++tries === 1) throw new PathmeshError('SOURCE_CHANGED', 'the file changed')
      }
      watched.start()
      await watched.publications(1)
      assert.deepEqual(watched.of('failed'), [])
    })

    it('after a while again where waiting alone may help', async () => {
      let tries = 0
      await writeFile(watched.at('file'), '1')
      watched.onPublish = () => {
        if (++tries < 3) throw new PathmeshError('NO_SPACE', 'the disk is full')
      }
      watched.start({ fullLookMs: SETTLE_MS * 4 })
      const passed = await watched.publications(1)
      assert.ok(passed > SETTLE_MS * 6, 'not at once')
      assert.equal(watched.of('failed').length, 1, 'the same is told once')
    })

    it('for more entries than the limit, which it names', async () => {
      await mkdir(watched.at('dir'))
      for (const name of ['a', 'b', 'c']) await writeFile(watched.at('dir', name), name)
      // The folder, the directory and its files.
      watched.start({ entriesMax: 5 })
      await watched.publications(1)
      await writeFile(watched.at('dir', 'd'), 'd')
      await watched.passUntil('the failure', () => watched.of('failed').length > 0)
      const [failed] = watched.of('failed')
      assert.equal(failed?.error.code, 'TOO_LARGE')
      assert.match(failed?.error.detail ?? '', /WATCHED_ENTRIES_MAX/)
      await unlink(watched.at('dir', 'c'))
      await watched.publications(2)
    })

    it('at the start where there is nothing to watch', async () => {
      const { signal } = new AbortController()
      const parts = {
        clock: watched.clock,
        log: silentLog,
        publish: () => Promise.reject(new TypeError('not called')),
        retire: () => Promise.reject(new TypeError('not called')),
        published: () => Promise.reject(new TypeError('not called'))
      }
      const target = { folder: watched.at('missing'), work: 'work' }
      await assert.rejects(watchFolder(parts, { target, settleMs: SETTLE_MS, signal }).next(), failsWith('NOT_FOUND'))
    })
  })

  describe('ends', () => {
    it('when its signal is aborted, and leaves no timer and no watch', async () => {
      const before = WatchedFolder.directories
      await mkdir(watched.at('dir', 'sub'), { recursive: true })
      watched.start()
      await watched.publications(1)
      assert.ok(WatchedFolder.directories > before)
      await writeFile(watched.at('dir', 'new'), 'x')
      await watched.stop()
      await until('closed watches', () => WatchedFolder.directories === before)
      assert.equal(watched.clock.pending, 0)
    })
  })
})
