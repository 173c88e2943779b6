// The parts of a watched folder that have bounds or faults of their own: events that nobody reads, and watches that the system
// refuses.

import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, it } from 'mocha'
import { DirectoryWatches } from '../../../daemon/sharing/watch/directory-watches.ts'
import { ignoring, TEMPORARY_GLOBS } from '../../../daemon/sharing/watch/ignored.ts'
import { Outbox } from '../../../daemon/sharing/watch/outbox.ts'
import type { PathmeshError } from '../../../proto/errors.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const retired = (seq: number) => ({ event: 'retired', url: 'pathmesh://work/file', seq }) as const

describe('the events of a watched folder', () => {
  async function read(outbox: Outbox, count: number): Promise<unknown[]> {
    const stop = new AbortController()
    const events: unknown[] = []
    for await (const event of outbox.drain(stop.signal)) {
      events.push(event)
      if (events.length === count) stop.abort()
    }
    return events
  }

  it('are one of each subject for a slow reader: the newest', async () => {
    const outbox = new Outbox(new ManualClock())
    outbox.put('a', retired(1))
    outbox.put('b', retired(2))
    outbox.put('a', retired(3))
    assert.deepEqual(await read(outbox, 2), [retired(2), retired(3)])
  })

  it('are a thousand at most, the newest', async () => {
    const outbox = new Outbox(new ManualClock())
    for (let seq = 1; seq <= 1_001; seq++) outbox.put(`${seq}`, retired(seq))
    const events = await read(outbox, 1_000)
    assert.deepEqual([events[0], events.at(-1)], [retired(2), retired(1_001)])
  })

  it('reach a reader that waits', async () => {
    const outbox = new Outbox(new ManualClock())
    const reading = read(outbox, 1)
    await new ManualClock().advance(0)
    outbox.put('a', retired(1))
    assert.deepEqual(await reading, [retired(1)])
  })
})

describe('the watches of directories', () => {
  class Watcher extends EventEmitter {
    isClosed = false
    close(): void {
      this.isClosed = true
    }
    ref = () => this
    unref = () => this
  }

  for (const [code, sysctl] of [
    ['ENOSPC', 'fs.inotify.max_user_watches'],
    ['EMFILE', 'fs.inotify.max_user_instances']
  ] as const) {
    it(`name the setting to raise when the system has no more of them: ${code}`, () => {
      const faults: PathmeshError[] = []
      const open = () => {
        throw Object.assign(new Error('no more'), { code })
      }
      const watches = new DirectoryWatches({ onNotice: () => undefined, onFault: fault => faults.push(fault), open })
      watches.watch('dir', '/folder/dir', 1n)
      assert.match(faults[0]?.message ?? '', new RegExp(`/folder/dir .*${sysctl}`))
      assert.equal(watches.size, 0)
    })
  }

  it('are made anew for another directory under the same path, by inode or after its name came or went', () => {
    const made: Watcher[] = []
    const open = () => {
      made.push(new Watcher())
      return made.at(-1) ?? new Watcher()
    }
    const watches = new DirectoryWatches({ onNotice: () => undefined, onFault: assert.fail, open })
    watches.watch('dir', '/folder/dir', 1n)
    watches.watch('dir', '/folder/dir', 1n)
    assert.equal(made.length, 1)
    watches.watch('dir', '/folder/dir', 2n)
    assert.deepEqual(
      made.map(({ isClosed }) => isClosed),
      [true, false]
    )
    watches.closeAll()
    assert.equal(made[1]?.isClosed, true)
  })
})

describe('what a watch leaves out', () => {
  it('is what editors and writers leave behind, at any depth, and no other hidden file', () => {
    const ignored = ignoring(TEMPORARY_GLOBS)
    for (const name of ['.pathmesh-x.tmp', '.a.txt.swp', '.a.swpx', '.#lock', '.goutputstream-X', '.nfs0001']) {
      assert.ok(ignored(name), name)
      assert.ok(ignored(`dir/${name}`), name)
      assert.ok(ignored(`${name}/inside`), name)
    }
    for (const name of ['.hidden', '.git', 'a.swp', '.swp', 'file~', '.config.tmp']) assert.ok(!ignored(name), name)
  })

  it('is what the globs of the caller say: with a slash the whole path, without the name alone', () => {
    const ignored = ignoring(['*.log', 'a/*.bin'])
    assert.deepEqual(
      ['x.log', 'b/x.log', 'a/x.bin', 'b/a/x.bin', 'x.bin', 'a'].map(path => ignored(path)),
      [true, true, true, false, false, false]
    )
  })
})
