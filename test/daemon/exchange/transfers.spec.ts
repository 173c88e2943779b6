// Transfers against peers in memory, on a clock that the tests move: whole content or a typed error, whatever peers do.

import assert from 'node:assert/strict'
import { setMaxListeners } from 'node:events'
import type { CID } from 'multiformats/cid'
import { beforeEach, describe, it } from 'mocha'
import type { SessionStatus } from '../../../daemon/exchange/session-types.ts'
import { Transfers } from '../../../daemon/exchange/transfers.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import {
  LEAF_BYTES,
  LEAVES_REQUEST,
  PROVIDER_STALL_MS,
  STALL_MS,
  TRANSFERS_MAX,
  WINDOW_STREAM_BYTES
} from '../../../proto/limits.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { bytesAt, sizeOf } from '../../helpers/stores.ts'
import { type Tree, directory, failsWith, file, link } from '../../helpers/trees.ts'
import { Content, downloadParts, FakePeers, FakeProvider, MemoryDestination, forever } from './fakes.ts'

const random = new Seeded('transfers')
const never = new AbortController().signal
const LEAVES = 10
const large = file(random.bytes((LEAVES - 1) * LEAF_BYTES + 5))
const tree = directory({
  a: directory({ small: file('small'), same: file('small') }),
  empty: directory({}),
  large: file(random.bytes(3 * LEAF_BYTES)),
  link: link('a/small'),
  none: file(),
  run: file('run', true)
})

describe('Transfers', () => {
  let clock: ManualClock
  let content: Content
  let provider: FakeProvider
  let peers: FakePeers
  let transfers: Transfers<MemoryDestination>
  let destination: MemoryDestination

  beforeEach(() => {
    clock = new ManualClock()
    content = new Content()
    provider = new FakeProvider('one', content)
    peers = new FakePeers(provider)
    transfers = new Transfers({ ...downloadParts(clock), peers })
    destination = new MemoryDestination()
  })

  const fetch = (
    root: CID,
    signal = never,
    more: { stallMs?: number; onStatus?: (status: SessionStatus) => void } = {}
  ) =>
    transfers.fetch(
      { root, hints: [], name: null, ...(more.stallMs === undefined ? {} : { stallMs: more.stallMs }) },
      destination,
      { signal, onStatus: more.onStatus }
    )
  const assertArrived = (expected: Tree, at = destination) => {
    assert.equal(at.finishes, 1)
    let bytes = 0
    for (const [path, written] of at.written) {
      assert.ok(written.equals(bytesAt(expected, path)), path)
      bytes += written.length
    }
    assert.equal(bytes, sizeOf(expected))
    assert.equal(clock.pending, 0, 'timers are left')
  }
  const another = (name: string, from = content) => {
    const other = new FakeProvider(name, from)
    peers.all.set(name, other)
    return other
  }

  it('brings a whole tree, with its empty directories and files', async () => {
    const root = await content.add(tree)
    const { status } = await clock.drive(fetch(root))
    assertArrived(tree)
    assert.deepEqual([...destination.directories].sort(), ['', 'a', 'empty'])
    assert.deepEqual([...destination.finished], ['large'])
    assert.deepEqual([...destination.written.keys()].sort(), ['a/same', 'a/small', 'large', 'none', 'run'])
    assert.equal(destination.needed, sizeOf(tree))
    assert.deepEqual(
      [status.state, status.bytesDone, status.bytesTotal, status.filesDone, status.filesTotal],
      ['done', sizeOf(tree), sizeOf(tree), 5, 5]
    )
  })

  for (const size of [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 2 * LEAF_BYTES, LEAVES * LEAF_BYTES + 1]) {
    for (const executable of [false, true]) {
      it(`brings a file of ${size} bytes${executable ? ' that is executable' : ''}`, async () => {
        const one = file(random.bytes(size), executable)
        await clock.drive(fetch(await content.add(one)))
        assertArrived(one)
      })
    }
  }

  it('goes on from structure that came in small answers', async () => {
    provider.treeBranches = 1
    await clock.drive(fetch(await content.add(tree)))
    assertArrived(tree)
    assert.ok(provider.asked.tree >= 4)
  })

  it('asks once for content that lies at several places, and never for zeros', async () => {
    const half = random.bytes(2 * LEAF_BYTES)
    half.fill(0, 0, LEAF_BYTES)
    const repeated = directory({
      a: file('same'),
      b: file('same'),
      c: file('same'),
      hole: file(Buffer.alloc(3 * LEAF_BYTES)),
      part: file(half),
      zeros: file(Buffer.alloc(100))
    })
    await clock.drive(fetch(await content.add(repeated)))
    assertArrived(repeated)
    assert.equal(provider.asked.small.length, 1)
    assert.deepEqual(provider.asked.leaves, [1])
  })

  it('never has more bytes under way than the window and one request', async () => {
    const whole = file(random.bytes(40 * LEAF_BYTES))
    let [underWay, most] = [0, 0]
    provider.before = async () => {
      underWay += LEAF_BYTES
      most = Math.max(most, underWay)
      await settled()
    }
    destination.beforeWrite = async () => {
      await settled()
      underWay -= LEAF_BYTES
    }
    await clock.drive(fetch(await content.add(whole)))
    assertArrived(whole)
    assert.ok(most <= WINDOW_STREAM_BYTES, `${most} bytes were under way`)
    assert.ok(most >= 2 * LEAVES_REQUEST * LEAF_BYTES || most > LEAF_BYTES, 'requests do not overlap')
  })

  it('tells a provider that a leaf was wrong, and goes on with another one', async () => {
    const liar = another('two')
    peers.all.delete('one')
    let sent = 0
    const came: number[] = []
    liar.leaf = (bytes, index) => {
      if (++sent > 3) return { index, bytes: Buffer.alloc(bytes.length, 1) }
      came.push(index)
      return { index, bytes }
    }
    peers.all.set('one', provider)
    await clock.drive(fetch(await content.add(large)))
    assertArrived(large)
    assert.equal(liar.asked.wrong.length, 1)
    // One may have been on its way to the disk when the lie came.
    assert.ok(came.filter(index => provider.asked.leaves.includes(index)).length <= 1, 'asked for again')
  })

  for (const [what, code, withdraws] of [
    ['insists', 'CORRUPT', false],
    ['withdraws it', 'SOURCE_CHANGED', true]
  ] as const) {
    it(`is ${code} when the only provider sends a wrong leaf and ${what}`, async () => {
      provider.withdraws = withdraws
      provider.leaf = (bytes, index) => ({ index, bytes: index === 9 ? Buffer.alloc(5, 1) : bytes })
      const root = await content.add(large)
      await assert.rejects(clock.drive(fetch(root)), (error: unknown) => {
        assert.ok(failsWith(code)(error) && error instanceof PathmeshError)
        const { phase, tried, bytesVerified, bytesTotal } = error.details ?? {}
        assert.equal(bytesTotal, sizeOf(large))
        assert.ok(Number(bytesVerified) <= 9 * LEAF_BYTES)
        assert.ok(phase === 'transferring' || phase === 'waiting', String(phase))
        assert.deepEqual(Array.isArray(tried) && tried.map((one: { code: string }) => one.code), [code])
        return true
      })
      assert.equal(destination.finishes, 0)
      assert.equal(clock.pending, 0)
    })
  }

  for (const [what, wrong] of [
    ['a leaf of another size', (bytes: Uint8Array, index: number) => ({ index, bytes: bytes.subarray(1) })],
    ['a leaf that nobody asked for', (bytes: Uint8Array, index: number) => ({ index: index + 100, bytes })],
    ['one leaf again and again', (bytes: Uint8Array) => ({ index: 0, bytes })]
  ] as const) {
    it(`is CORRUPT when a provider sends ${what}`, async () => {
      provider.leaf = wrong
      await assert.rejects(clock.drive(fetch(await content.add(large))), failsWith('CORRUPT'))
    })
  }

  it('takes leaves that an answer leaves out from another provider, and is CORRUPT where there is none', async () => {
    const root = await content.add(large)
    provider.leaf = (bytes, index) => (index === 2 ? undefined : { index, bytes })
    await assert.rejects(clock.drive(fetch(root)), failsWith('CORRUPT'))
    another('two')
    destination = new MemoryDestination()
    await clock.drive(fetch(root))
    assertArrived(large)
  })

  it('is SOURCE_CHANGED when small files are gone there, naming one, and keeps what came', async () => {
    const root = await content.add(directory({ a: file('kept'), b: file('gone') }))
    const gone = [...content.blocks].find(([, bytes]) => Buffer.from(bytes).toString() === 'gone')
    content.blocks.delete(gone?.[0] ?? '')
    await assert.rejects(clock.drive(fetch(root)), failsWith('SOURCE_CHANGED', /no longer has b/))
    assert.deepEqual([...destination.written.keys()], ['a'])
    assert.ok(destination.notes > 0)
  })

  it('has another one send what a provider says nothing of, before that has to be given up', async () => {
    const root = await content.add(large)
    provider.before = forever
    another('two')
    const started = clock.now()
    await clock.drive(fetch(root))
    assertArrived(large)
    const waited = clock.now() - started
    assert.ok(waited < PROVIDER_STALL_MS, `${waited} ms`)
  })

  it('goes on with another provider when one vanishes at 99 %, and asks it for the rest alone', async () => {
    const root = await content.add(large)
    let sent = 0
    provider.before = async () => {
      if (++sent <= LEAVES - 1) return
      peers.all.delete('one')
      throw new PathmeshError('NO_PROVIDERS', 'the connection was lost')
    }
    const states: (string | null)[] = []
    const fetching = fetch(root, never, { onStatus: ({ state, why }) => states.push(state === 'waiting' ? why : null) })
    await clock.advance(3_000)
    assert.ok(
      states.some(why => why !== null && /connected/.test(why)),
      String(states.at(-1))
    )
    const two = another('two')
    await clock.drive(fetching)
    assertArrived(large)
    assert.equal(two.asked.leaves.length, 1)
  })

  it('is NO_PROVIDERS after the stall deadline when nobody is connected, and says so meanwhile', async () => {
    const root = await content.add(large)
    peers.all.clear()
    const seen: SessionStatus[] = []
    const started = clock.now()
    await assert.rejects(
      clock.drive(fetch(root, never, { onStatus: status => seen.push(status) })),
      failsWith('NO_PROVIDERS', /no other node is connected/)
    )
    assert.ok(clock.now() - started <= STALL_MS + 1000)
    assert.ok(seen.some(({ state, why }) => state === 'waiting' && why !== null))
    assert.equal(clock.pending, 0)
  })

  it('is TIMEOUT after the stall deadline when all are gone in the middle, with phase, tried and bytesVerified', async () => {
    const root = await content.add(large)
    let sent = 0
    provider.before = async () => {
      if (++sent <= 4) return
      peers.all.delete('one')
      throw new PathmeshError('NO_PROVIDERS', 'the connection was lost')
    }
    await assert.rejects(clock.drive(fetch(root, never, { stallMs: 2_000 })), (error: unknown) => {
      assert.ok(failsWith('TIMEOUT', /2 s/)(error) && error instanceof PathmeshError)
      assert.equal(error.details?.['phase'], 'waiting')
      assert.equal(error.details?.['bytesVerified'], 4 * LEAF_BYTES)
      assert.ok(Array.isArray(error.details?.['tried']) && error.details['tried'].length === 1)
      return true
    })
    assert.equal(clock.monotonic() <= 4_000, true)
    assert.ok(destination.notes > 0 && destination.closes > 0)
  })

  it('resumes: what the ledger lists is not asked for again', async () => {
    const root = await content.add(large)
    const gone = new AbortController()
    let sent = 0
    provider.before = async () => {
      if (++sent === 7) gone.abort(new Error('enough'))
    }
    await assert.rejects(clock.drive(fetch(root, gone.signal)), /enough/)
    const { count } = destination.ledger
    assert.ok(count > 0 && count < LEAVES && destination.notes > 0)
    provider.before = async () => undefined
    provider.asked.leaves.length = 0
    await clock.drive(fetch(root))
    assertArrived(large)
    assert.equal(provider.asked.leaves.length, LEAVES - count)
    assert.equal(provider.asked.tree, 1)
  })

  it('hashes what the ledger lists after a start of the machine, and asks again for what was lost alone', async () => {
    const whole = directory({ large, small: file('small'), other: file('other'), run: file('run', true) })
    const root = await content.add(whole)
    await clock.drive(fetch(root))
    destination.written.get('large')?.fill(0, 2 * LEAF_BYTES, 2 * LEAF_BYTES + 1)
    destination.written.get('small')?.fill(0)
    destination.suspect = true
    provider.asked.leaves.length = 0
    provider.asked.small.length = 0
    await clock.drive(fetch(root))
    destination.finishes = 1
    assertArrived(whole)
    assert.deepEqual([provider.asked.leaves, provider.asked.small.length], [[2], 1])
  })

  it('shares one session between two who want the same, and ends it with the last of them', async () => {
    const root = await content.add(large)
    const [first, second] = [new AbortController(), new AbortController()]
    const aborted: unknown[] = []
    provider.before = signal => forever(signal).catch(reason => void aborted.push(reason))
    const one = fetch(root, first.signal)
    const two = fetch(root, second.signal)
    one.catch(() => undefined)
    two.catch(() => undefined)
    await settled()
    assert.equal([...transfers.list()].length, 1)
    first.abort(new Error('the first has enough'))
    await assert.rejects(one, /the first has enough/)
    await settled()
    assert.deepEqual([aborted.length, transfers.isRunning(root.toString())], [0, true])
    second.abort(new Error('the second has enough'))
    await assert.rejects(clock.drive(two), /the second has enough/)
    assert.ok(aborted.length > 0)
    assert.deepEqual([...transfers.list()], [])
    assert.equal(clock.pending, 0)
  })

  it('gives both the same content, fetched once', async () => {
    const root = await content.add(large)
    const both = await clock.drive(Promise.all([fetch(root), fetch(root)]))
    assert.equal(both[0].held, both[1].held)
    assertArrived(large)
    assert.equal(provider.asked.leaves.length, LEAVES)
  })

  it('writes nothing any more once it has ended, by a cancel or a failure', async () => {
    const root = await content.add(large)
    const gone = new AbortController()
    destination.beforeWrite = async () => {
      gone.abort(new Error('enough'))
      for (let i = 0; i < 5; i++) await settled()
    }
    await assert.rejects(clock.drive(fetch(root, gone.signal)), /enough/)
    for (let i = 0; i < 20; i++) await settled()
    assert.equal(destination.lateWrites, 0)
  })

  it('fails with NO_SPACE before content is asked for, and with what the disk says later', async () => {
    const root = await content.add(large)
    destination.needSpace = () => Promise.reject(new PathmeshError('NO_SPACE', 'make room'))
    await assert.rejects(clock.drive(fetch(root)), failsWith('NO_SPACE'))
    assert.deepEqual(provider.asked.leaves, [])
    destination.needSpace = async () => undefined
    destination.beforeWrite = () => Promise.reject(new PathmeshError('NO_SPACE', 'make room now'))
    await assert.rejects(clock.drive(fetch(root)), failsWith('NO_SPACE', /now/))
    assert.equal(destination.finishes, 0)
  })

  it('passes over peers that do not hold it, and is NO_PROVIDERS when none can ever', async () => {
    const root = await content.add(large)
    const other = new Content()
    peers.all.clear()
    another('empty', other)
    peers.all.set('one', provider)
    await clock.drive(fetch(root))
    assertArrived(large)
  })

  it(`runs ${TRANSFERS_MAX} at a time, and refuses one more`, async () => {
    provider.before = forever
    const gone = new AbortController()
    setMaxListeners(0, gone.signal)
    const running: Promise<unknown>[] = []
    for (let i = 0; i < TRANSFERS_MAX; i++) {
      running.push(fetch(await content.add(file(random.bytes(LEAF_BYTES + i))), gone.signal).catch(() => undefined))
    }
    await assert.rejects(fetch(await content.add(large)), failsWith('TOO_LARGE'))
    gone.abort(new Error('done'))
    await clock.drive(Promise.all(running))
    assert.equal([...transfers.list()].length, 0)
  })

  it('stop() ends all of them', async () => {
    provider.before = forever
    const fetching = fetch(await content.add(large))
    fetching.catch(() => undefined)
    await settled()
    await clock.drive(transfers.stop())
    await assert.rejects(fetching, failsWith('ABORTED', /the daemon stops/))
    assert.equal(clock.pending, 0)
  })
})
