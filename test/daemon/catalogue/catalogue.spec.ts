// Names of several nodes, joined by streams in memory: what is published is found, the newest wins, and no peer can take
// it back.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { afterEach, describe, it } from 'mocha'
import { Catalogue } from '../../../daemon/catalogue/catalogue.ts'
import type { NewVersion } from '../../../daemon/catalogue/own-names.ts'
import { RecordTable } from '../../../daemon/catalogue/record-table.ts'
import { type NameRecord, type Signer, type VerifySignature, signRecord } from '../../../daemon/catalogue/record.ts'
import { encodeRecords } from '../../../daemon/catalogue/signed-records.ts'
import { RAW, cidOf } from '../../../daemon/content/multihash.ts'
import { silentLog } from '../../../daemon/log.ts'
import { Caller, type Handler, answer } from '../../../daemon/rpc.ts'
import { Database, put, type Write } from '../../../daemon/store/database.ts'
import { ASK_MS } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { duplexPair } from '../../helpers/memory-duplex.ts'
import { until } from '../../helpers/until.ts'
import { collect, failsWith, temporaryFolder } from '../../helpers/trees.ts'

const MESH = Buffer.from('mesh')
const signatureOf = (origin: string, message: Uint8Array) =>
  new Uint8Array(createHash('sha512').update(origin).update(message).digest())
const signer = (peerId: string): Signer => ({ peerId, sign: async message => signatureOf(peerId, message) })
const verify: VerifySignature = async (peerId, message, signature) =>
  Buffer.compare(signatureOf(peerId, message), signature) === 0

const root = (text: string) => cidOf(RAW, 'blake3', Buffer.from(text))
const version = (name: string, text: string, more: Partial<NewVersion> = {}): NewVersion => ({
  name,
  root: root(text),
  kind: 'file',
  size: text.length,
  meta: null,
  ...more
})
const recordOf = (origin: string, name: string, seq: number, text: string): Promise<Uint8Array> =>
  signRecord(
    { type: 'version', origin, number: seq, seq, time: 1, name, root: root(text), kind: 'file', size: 1, meta: null },
    MESH,
    signer(origin)
  )

interface Node {
  readonly catalogue: Catalogue<Write>
  /** Commits so far, each the number of its writes. */
  readonly commits: number[]
  /** Answers that wait here before they are written. */
  beforeCommit: () => Promise<void>
  publish(version: NewVersion): Promise<{ seq: number; number: number; unchanged: boolean; retired: string[] }>
  retire(name: string): Promise<number>
}

describe('Catalogue', () => {
  const cleanups: (() => Promise<void>)[] = []
  const clock = new ManualClock()

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  })

  /** `peers`: who is connected, and what they answer with. */
  async function node(peerId: string, peers: Record<string, Record<string, Handler>> = {}): Promise<Node> {
    const folder = await temporaryFolder()
    const database = await Database.open(folder.path)
    cleanups.push(async () => {
      await database.close()
      await folder.remove()
    })
    const rows = database.bytesTable('records')
    const counters = database.table<number>('counters')
    const nodes = database.table<string>('nodes')
    const callers = new Map<string, Caller>()
    const made: Node = {
      commits: [],
      beforeCommit: async () => undefined,
      catalogue: new Catalogue<Write>({
        records: new RecordTable<Write>({
          get: key => rows.get(key),
          iterator: range => rows.iterator(range),
          put: (key, value) => put(rows, key, value)
        }),
        signer: signer(peerId),
        verify,
        mesh: MESH,
        nodeName: `${peerId}'s`,
        softwareVersion: '1',
        clock,
        log: silentLog,
        lastNumber: {
          get: async () => (await counters.get('records')) ?? 0,
          put: value => put(counters, 'records', value)
        },
        nodes: { list: () => nodes.iterator(), put: (peer, name) => put(nodes, peer, name) },
        commit: async writes => {
          await made.beforeCommit()
          made.commits.push(writes.length)
          await database.commit(writes)
        },
        connected: () => Object.keys(peers),
        caller: async peer => {
          const known = callers.get(peer)
          if (known !== undefined) return known
          const [asker, answerer] = duplexPair()
          const answering = answer(answerer, peers[peer] ?? {})
          const caller = new Caller(Object.assign(asker, { peer }))
          callers.set(peer, caller)
          cleanups.push(async () => {
            caller.close()
            await answering
          })
          return caller
        }
      }),
      publish: next =>
        made.catalogue.own.publish(next, async ({ record, unchanged, retired, writes }) => {
          made.commits.push(writes.length)
          await database.commit(writes)
          const { seq, number } = record
          return { seq, number, unchanged, retired: retired.map(({ name }) => name) }
        }),
      retire: name =>
        made.catalogue.own.retire(name, async (retirement, _, writes) => {
          await database.commit(writes)
          return retirement.seq
        })
    }
    await made.catalogue.open()
    return made
  }

  const found = (records: readonly NameRecord[]) => records.map(({ name, origin, seq }) => [name, origin, seq])

  it('counts the versions of a name from 1, and all records of the node', async () => {
    const alice = await node('alice')
    assert.deepEqual(await alice.publish(version('w/a', '1')), { seq: 1, number: 1, unchanged: false, retired: [] })
    assert.deepEqual(await alice.publish(version('w/b', '1')), { seq: 1, number: 2, unchanged: false, retired: [] })
    assert.deepEqual(await alice.publish(version('w/a', '2')), { seq: 2, number: 3, unchanged: false, retired: [] })
  })

  it('publishes nothing where root, kind and meta are the same, and something where one differs', async () => {
    const alice = await node('alice')
    await alice.publish(version('w/a', '1', { meta: { epoch: 1 } }))
    const again = await alice.publish(version('w/a', '1', { meta: { epoch: 1 } }))
    assert.deepEqual(again, { seq: 1, number: 1, unchanged: true, retired: [] })
    assert.deepEqual(alice.commits, [2, 0])
    assert.equal((await alice.publish(version('w/a', '1', { meta: { epoch: 2 } }))).seq, 2)
    assert.equal((await alice.publish(version('w/a', '1', { kind: 'directory', meta: { epoch: 2 } }))).seq, 3)
  })

  it('gives no number twice to publications at the same time', async () => {
    const alice = await node('alice')
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => alice.publish(version(`w/${i % 4}`, `${i}`))))
    assert.deepEqual(
      all.map(({ number }) => number),
      Array.from({ length: 20 }, (_, i) => i + 1)
    )
    assert.deepEqual(
      all.slice(16).map(({ seq }) => seq),
      [5, 5, 5, 5]
    )
  })

  it('goes on after a publication whose writes failed, with the number that was not used', async () => {
    const alice = await node('alice')
    const failing = alice.catalogue.own.publish(version('w/a', '1'), () => Promise.reject(new Error('the disk')))
    await assert.rejects(failing, /the disk/)
    assert.deepEqual(await alice.publish(version('w/a', '1')), { seq: 1, number: 1, unchanged: false, retired: [] })
  })

  it('goes on counting when a retired name comes back', async () => {
    const alice = await node('alice')
    await alice.publish(version('w/a', '1'))
    assert.equal(await alice.retire('w/a'), 2)
    assert.deepEqual(await alice.catalogue.known('w/a'), [])
    assert.deepEqual(await collect(alice.catalogue.list('')), [])
    await assert.rejects(alice.retire('w/a'), failsWith('NOT_FOUND'))
    assert.equal((await alice.publish(version('w/a', '1'))).seq, 3)
    assert.deepEqual(found(await alice.catalogue.known('w/a/inside/it')), [['w/a', 'alice', 3]])
  })

  it('refuses a name inside a published one, and a file around one', async () => {
    const alice = await node('alice')
    await alice.publish(version('w/dir', '1', { kind: 'directory' }))
    for (const name of ['w/dir/a', 'w/dir/a/b'])
      await assert.rejects(alice.publish(version(name, '2')), failsWith('NAME_CONFLICT', /lies inside w\/dir/))
    assert.equal((await alice.publish(version('w/dirt', '2'))).seq, 1)
    await alice.publish(version('w/x/y', '3'))
    await assert.rejects(alice.publish(version('w/x', '4')), failsWith('NAME_CONFLICT', /w\/x\/y is published inside/))
    await alice.retire('w/dir')
    assert.equal((await alice.publish(version('w/dir/a', '2'))).seq, 1)
  })

  it('retires the names inside a directory together with publishing it', async () => {
    const alice = await node('alice')
    for (const name of ['w/d/a', 'w/d/b/c', 'w/da']) await alice.publish(version(name, name))
    const { retired } = await alice.publish(version('w/d', 'all', { kind: 'directory' }))
    assert.deepEqual(retired, ['w/d/a', 'w/d/b/c'])
    // Two retirements, the version, and the last number: in one batch.
    assert.equal(alice.commits.at(-1), 4)
    assert.deepEqual(found(await collect(alice.catalogue.list('w/d'))), [
      ['w/d', 'alice', 1],
      ['w/da', 'alice', 1]
    ])
    assert.deepEqual(found(await alice.catalogue.known('w/d/a')), [['w/d', 'alice', 1]])
  })

  it('resolves and lists what another node publishes, newer versions and retirements as well', async () => {
    const bob = await node('bob')
    const alice = await node('alice', { bob: bob.catalogue.handlers() })
    await bob.publish(version('w/a', '1'))
    assert.deepEqual(found(await alice.catalogue.known('w/a')), [])
    assert.deepEqual(found(await alice.catalogue.resolve('w/a/inside')), [['w/a', 'bob', 1]])
    await bob.publish(version('w/a', '2'))
    await bob.publish(version('x/b', '1'))
    await alice.catalogue.refresh('w/')
    assert.deepEqual(found(await collect(alice.catalogue.list(''))), [['w/a', 'bob', 2]])
    await bob.retire('w/a')
    await alice.catalogue.refresh('')
    assert.deepEqual(found(await collect(alice.catalogue.list(''))), [['x/b', 'bob', 1]])
    await assert.rejects(alice.retire('x/b'), failsWith('NOT_ORIGIN', /published by bob/))
    assert.equal(alice.catalogue.isSynced, true)
  })

  it('lists more names than one answer holds', async () => {
    const bob = await node('bob')
    const names = Array.from({ length: 600 }, (_, i) => `w/${String(i).padStart(4, '0')}`)
    for (const name of names) await bob.publish(version(name, name, { meta: { x: 'x'.repeat(600) } }))
    const alice = await node('alice', { bob: bob.catalogue.handlers() })
    await alice.catalogue.refresh('')
    assert.deepEqual(
      (await collect(alice.catalogue.list(''))).map(({ name }) => name),
      names
    )
  }).timeout(30_000)

  it('resolves a name of so many origins that their records do not fit in one answer', async () => {
    const origins = Array.from({ length: 100 }, (_, i) => `origin${String(i).padStart(3, '0')}`)
    const meta = { x: 'x'.repeat(4000) }
    const records = await Promise.all(
      origins.map(origin => {
        const base = { type: 'version', origin, number: 1, seq: 1, time: 1, name: 'w/a' } as const
        return signRecord({ ...base, root: root('a'), kind: 'file', size: 1, meta }, MESH, signer(origin))
      })
    )
    const bob = await node('bob', {
      carol: {
        async *resolve() {
          for (const bytes of records) yield { body: encodeRecords([bytes]), payload: Buffer.of() }
        }
      }
    })
    assert.equal((await bob.catalogue.resolve('w/a')).length, 100)
    const alice = await node('alice', { bob: bob.catalogue.handlers() })
    assert.deepEqual(
      (await alice.catalogue.resolve('w/a')).map(({ origin }) => origin),
      origins
    )
  })

  it('never lets an older record take the place of a newer one', async () => {
    let seq = 5
    const alice = await node('alice', {
      bob: {
        async *resolve() {
          yield { body: encodeRecords([await recordOf('carol', 'w/a', seq, `version ${seq}`)]), payload: Buffer.of() }
        }
      }
    })
    for (const [next, expected] of [
      [5, 5],
      [4, 5],
      [5, 5],
      [6, 6],
      [1, 6]
    ] as const) {
      seq = next
      assert.deepEqual(found(await alice.catalogue.resolve('w/a')), [['w/a', 'carol', expected]])
    }
  })

  it('keeps the newer of two records that arrive at the same time, whichever is written last', async () => {
    const says = (seq: number): Record<string, Handler> => ({
      async *resolve() {
        yield { body: encodeRecords([await recordOf('carol', 'w/a', seq, `${seq}`)]), payload: Buffer.of() }
      }
    })
    for (const [first, second] of [
      [1, 2],
      [2, 1]
    ] as const) {
      const alice = await node('alice', { bob: says(first), dave: says(second) })
      // Both have looked at what is known before either has written.
      alice.beforeCommit = () => new Promise(resolve => setImmediate(resolve))
      assert.deepEqual(found(await alice.catalogue.resolve('w/a')), [['w/a', 'carol', 2]])
    }
  })

  it('keeps the newer of two records for one name in one answer', async () => {
    const alice = await node('alice', {
      bob: {
        async *resolve() {
          const records = [await recordOf('carol', 'w/a', 2, 'new'), await recordOf('carol', 'w/a', 1, 'old')]
          yield { body: encodeRecords(records), payload: Buffer.of() }
        }
      }
    })
    assert.deepEqual(found(await alice.catalogue.resolve('w/a')), [['w/a', 'carol', 2]])
  })

  it('believes nothing of an answer with a record that is forged or was not asked for', async () => {
    const good = await recordOf('carol', 'w/a', 1, 'good')
    const forged = Uint8Array.from(await recordOf('carol', 'w/a', 2, 'forged'))
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1
    for (const bad of [forged, await recordOf('carol', 'elsewhere/a', 1, 'unasked')]) {
      const alice = await node('alice', {
        bob: {
          async *resolve() {
            yield { body: encodeRecords([good, bad]), payload: Buffer.of() }
          }
        }
      })
      assert.deepEqual(await alice.catalogue.resolve('w/a'), [])
    }
  })

  it('hears the others when one peer is silent, after a deadline on the handed-in clock', async () => {
    const silent: Handler = async function* (_, { signal }) {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
      yield { body: encodeRecords([]), payload: Buffer.of() }
    }
    const bob = await node('bob')
    await bob.publish(version('w/a', '1'))
    const alice = await node('alice', { mute: { resolve: silent }, bob: bob.catalogue.handlers() })
    const before = clock.now()
    const resolving = alice.catalogue.resolve('w/a')
    await until('the other one is heard', async () => (await alice.catalogue.known('w/a')).length === 1)
    assert.deepEqual(found(await clock.drive(resolving)), [['w/a', 'bob', 1]])
    assert.equal(clock.now() - before, ASK_MS)
    assert.equal(clock.pending, 0)
  })

  it('ends with the reason of its caller', async () => {
    const gone = new AbortController()
    gone.abort(new Error('enough'))
    const bob = await node('bob')
    const alice = await node('alice', { bob: bob.catalogue.handlers() })
    await assert.rejects(alice.catalogue.resolve('w/a', gone.signal), /enough/)
  })

  it('greets: both know the name of the other from then on, after a reopening as well', async () => {
    const bob = await node('bob')
    const alice = await node('alice', { bob: bob.catalogue.handlers() })
    await alice.catalogue.greet('bob')
    assert.equal(alice.catalogue.nodeName('bob'), "bob's")
    assert.deepEqual(alice.catalogue.originsCalled("bob's"), ["bob's", 'bob'])
    // In this test every asker is called `left`.
    assert.equal(bob.catalogue.nodeName('left'), "alice's")
    await alice.catalogue.open()
    assert.equal(alice.catalogue.nodeName('bob'), "bob's")
  })
})
