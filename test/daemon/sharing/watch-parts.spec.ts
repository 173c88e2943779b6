// The parts of a watched folder that have bounds or faults of their own: events that nobody reads, and watches that the system
// refuses.

import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, it } from 'mocha'
import { DirectoryWatches } from '../../../daemon/sharing/watch/directory-watches.ts'
import { Entry } from '../../../daemon/sharing/watch/entry.ts'
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

describe('a unit', () => {
  const QUIET_MS = 100
  const look = (digest: string, changedMs: number) => {
    return { digest, entries: 1, changedNs: BigInt(changedMs) * 1_000_000n, devices: new Set<bigint>() }
  }
  const at = (ms: number) => ({ monotonicMs: ms, wallMs: 1_000_000 + ms })

  it('has settled at first sight when its newest change is old, to the millisecond', () => {
    assert.equal(new Entry('a').unsettledMs(look('x', 1_000_000), QUIET_MS, at(100)), 0)
    assert.equal(new Entry('a').unsettledMs(look('x', 1_000_001), QUIET_MS, at(100)), 1)
  })

  it('has settled when two looks found the same, whatever its times say', () => {
    const entry = new Entry('a')
    assert.equal(entry.unsettledMs(look('x', 9_000_000), QUIET_MS, at(100)), 100)
    assert.equal(entry.unsettledMs(look('x', 9_000_000), QUIET_MS, at(199)), 1)
    assert.equal(entry.unsettledMs(look('y', 9_000_000), QUIET_MS, at(200)), 100)
    assert.equal(entry.unsettledMs(look('y', 9_000_000), QUIET_MS, at(300)), 0)
  })

  it('has not settled while something is noticed in it, during the look too', () => {
    const entry = new Entry('a')
    entry.noticed('change', '', 150)
    assert.equal(entry.unsettledMs(look('x', 0), QUIET_MS, at(200)), 50)
    entry.noticed('change', '', 260)
    assert.equal(entry.unsettledMs(look('x', 0), QUIET_MS, at(250)), 110)
    assert.equal(entry.unsettledMs(look('x', 0), QUIET_MS, at(360)), 0)
  })

  it('is not believed to be old when it changed and nothing was noticed: its times may be those of another clock', () => {
    const entry = new Entry('a')
    assert.equal(entry.unsettledMs(look('x', 0), QUIET_MS, at(100)), 0)
    assert.equal(entry.unsettledMs(look('y', 0), QUIET_MS, at(500)), 100)
    assert.equal(entry.unsettledMs(look('y', 0), QUIET_MS, at(600)), 0)
  })

  it('knows which of its entries came or went, up to 64 of them, and nothing once one was written', () => {
    const entry = new Entry('a')
    for (let i = 0; i < 64; i++) entry.noticed('rename', `${i}`, i)
    assert.equal(entry.placed?.size, 64)
    entry.noticed('rename', '64', 64)
    assert.equal(entry.placed, undefined)
    entry.quiet()
    entry.noticed('rename', 'b', 65)
    assert.deepEqual([...(entry.placed ?? [])], ['b'])
    entry.noticed('change', 'b', 66)
    assert.equal(entry.placed, undefined)
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
