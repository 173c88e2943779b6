// What `why` finds out: of a reference what it means, how far it is, who was asked and what they said; of a peer how it stands. What
// fails is in the answer, and the last sentence says what would help.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { VersionRecord } from '../../../daemon/catalogue/record.ts'
import type { Held } from '../../../daemon/exchange/provider.ts'
import type { ProviderStatus } from '../../../daemon/exchange/session-types.ts'
import { Strikes } from '../../../daemon/exchange/strikes.ts'
import type { ListedEnd, ListedTransfer } from '../../../daemon/sharing/transfer-facts.ts'
import { Explanations } from '../../../daemon/sharing/why.ts'
import type { KnownPeer, LaneState } from '../../../daemon/sharing/why-peer.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { ASK_MS, BAN_MS, STRIKES_MAX } from '../../../proto/limits.ts'
import type { WhyPeer, WhyProvider, WhyReference } from '../../../proto/why-api.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { sessionStatus } from '../../helpers/session-status.ts'
import { buildTree, directory, failsWith, file, MemoryBranches } from '../../helpers/trees.ts'

const never = new AbortController().signal
const branches = new MemoryBranches()
const { cid: root } = buildTree(directory({ a: file('content') }), 'blake3', branches)
const inner = buildTree(file('content'), 'blake3').cid
const SIZE = 7

const record: VersionRecord = {
  type: 'version',
  origin: 'alice',
  number: 1,
  name: 'train/run',
  seq: 3,
  time: 1,
  root,
  kind: 'directory',
  size: SIZE,
  meta: null,
  of: null,
  encoding: null
}
const NAMES: Readonly<Record<string, string>> = { alice: 'gpu-1', bob: 'gpu-2', twin: 'gpu-2', self: 'laptop' }
const ALL: Held = { complete: true, bytes: SIZE }
const PART: Held = { complete: false, bytes: 3 }
const NOTHING: Held = { complete: false, bytes: 0 }

describe('why', () => {
  let clock: ManualClock
  let strikes: Strikes
  let connected: string[]
  /** What each answers; an error is thrown, and one that is not in it never answers. */
  let answers: Map<string, Held | PathmeshError>
  let here: number | undefined
  let partial: number
  let running: ListedTransfer[]
  let ended: ListedEnd[]
  let known: KnownPeer[]
  let lane: LaneState
  let isReachable: boolean
  let records: VersionRecord[]

  beforeEach(() => {
    clock = new ManualClock()
    strikes = new Strikes(clock)
    connected = ['alice', 'carol']
    answers = new Map([
      ['alice', ALL],
      ['carol', NOTHING]
    ])
    here = undefined
    partial = 0
    running = []
    ended = []
    known = []
    lane = { via: 'lane', why: null }
    isReachable = true
    records = [record]
  })

  afterEach(() => assert.equal(clock.pending, 0))

  const explanations = (): Explanations =>
    new Explanations({
      self: 'self',
      names: {
        resolve: async () => records,
        newestOf: async () => undefined,
        retired: async () => [],
        history: async function* () {},
        version: async () => undefined,
        holder: async () => undefined,
        originsCalled: node => [...new Set([node, ...Object.keys(NAMES).filter(peer => NAMES[peer] === node)])],
        nodeName: peer => NAMES[peer]
      },
      swarm: { connected: () => connected, peers: () => known },
      store: {
        findHolding: async cid =>
          here !== undefined && cid.equals(root) ? { size: here, kind: 'directory' } : undefined,
        partialBytes: async () => partial
      },
      peers: {
        provider: async peer => ({
          held: async (cids, { signal } = {}) => {
            const answer = answers.get(peer)
            if (answer instanceof PathmeshError) throw answer
            if (answer !== undefined) return cids.map((_, at) => (at === 0 ? answer : NOTHING))
            return await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
          }
        })
      },
      openReader: () => ({
        get: async cid => {
          if (!isReachable) throw new PathmeshError('NO_PROVIDERS', 'nobody has this branch')
          return branches.get(cid)
        },
        leafSize: async () => SIZE
      }),
      transfers: {
        list: () => running,
        ended: (of?: string) => ended.filter(one => of === undefined || one.root === of)
      },
      strikes,
      laneOf: () => lane,
      traffic: peer => ({ bytesIn: peer === 'alice' ? 5 : 0, bytesOut: 9, bytesOutPerSecond: 2 }),
      clock
    })

  const reference = async (ref = 'train/run', version?: string): Promise<WhyReference> => {
    const why = await explanations().about({ ref, ...(version === undefined ? {} : { version }) }, never)
    assert.ok(why.about === 'reference')
    return why
  }
  const peer = async (ref: string): Promise<WhyPeer> => {
    const why = await explanations().about({ ref }, never)
    assert.ok(why.about === 'peer')
    return why
  }
  const of = ({ providers }: WhyReference, peerId: string): WhyProvider => {
    const found = providers.find(one => one.peerId === peerId)
    assert.ok(found)
    return found
  }
  const provider = (peerId: string, more: Partial<ProviderStatus> = {}): ProviderStatus => ({
    peerId,
    bytes: 2,
    bytesPerSecond: 1,
    via: 'lane',
    state: 'sending',
    said: null,
    ...more
  })

  describe('of a reference', () => {
    it('says what it means, who has it, and how to get it', async () => {
      const why = await reference()
      assert.deepEqual(why.version, {
        name: 'train/run',
        origin: 'alice',
        originName: 'gpu-1',
        seq: 3,
        newest: 3,
        published: 1
      })
      assert.deepEqual([why.cid, why.root, why.kind, why.size], [root.toString(), root.toString(), 'directory', SIZE])
      assert.deepEqual([why.failure, why.transfer, why.failed, why.here.complete], [null, null, null, false])
      assert.deepEqual(
        why.providers.map(({ name, holds, via }) => [name, holds, via]),
        [
          ['gpu-1', 'all', 'lane'],
          [null, 'nothing', 'lane']
        ]
      )
      assert.match(why.help, /^Get it: pathmesh get pathmesh:\/\/train\/run\.$/)
    })

    it('of a part of a directory tells of that part, and what it lies in', async () => {
      const why = await reference('train/run/a')
      assert.deepEqual([why.cid, why.root, why.kind, why.size], [inner.toString(), root.toString(), 'file', SIZE])
      isReachable = false
      const lost = await reference('train/run/a')
      assert.deepEqual([lost.cid, lost.failure?.code], [root.toString(), 'NO_PROVIDERS'])
      isReachable = true
      const none = await reference('train/run/b')
      assert.deepEqual([none.failure?.code, none.kind], ['NOT_FOUND', null])
      assert.match(none.help, /no such path/)
    })

    it('that means nothing here says so, whom it could have asked, and does not fail', async () => {
      records = []
      const why = await reference()
      assert.deepEqual([why.failure?.code, why.cid, why.version], ['NOT_FOUND', null, null])
      assert.deepEqual(
        why.providers.map(({ holds }) => holds),
        ['unknown', 'unknown']
      )
      assert.match(why.help, /pathmesh ls/)
      connected = []
      assert.match((await reference()).help, /^Connect this node/)
    })

    it('tells how much is here: all, or what an earlier attempt verified', async () => {
      partial = 3
      assert.deepEqual((await reference()).here, { complete: false, bytes: 3 })
      here = SIZE
      const why = await reference()
      assert.deepEqual(why.here, { complete: true, bytes: SIZE })
      assert.match(why.help, /all of it is here/)
    })

    it('tells of the transfer that runs, what it waits for, and what each peer does for it', async () => {
      const said = { code: 'TIMEOUT', message: 'sent nothing for 12 s' }
      const providers = [provider('alice'), provider('dave', { state: 'resting', said })]
      const status = sessionStatus({ bytesDone: 5, bytesTotal: SIZE, etaSeconds: 1.5, providers })
      running = [{ root: root.toString(), name: 'train/run', status }]
      const why = await reference()
      assert.deepEqual([why.transfer?.state, why.here.bytes], ['transferring', 5])
      assert.deepEqual(of(why, 'alice').transfer, { state: 'sending', bytes: 2, bytesPerSecond: 1 })
      assert.deepEqual(
        [of(why, 'dave').said, of(why, 'dave').connected, of(why, 'dave').holds],
        [said, false, 'unknown']
      )
      assert.match(why.help, /on its way, 2 s more/)
      running = [{ root: root.toString(), name: null, status: { ...status, state: 'waiting', why: 'none can send' } }]
      assert.match((await reference()).help, /^It waits: none can send/)
    })

    it('of a part tells of the transfer of what it lies in, and of the whole of that of a part', async () => {
      const status = sessionStatus({ bytesDone: 5, bytesTotal: 9, providers: [provider('alice')] })
      const whole = { root: root.toString(), within: root.toString(), name: 'train/run', status }
      running = [whole]
      const part = await reference('train/run/a')
      assert.deepEqual([part.transfer?.root, part.here.bytes, part.size], [root.toString(), 0, SIZE])
      assert.match(part.help, /it is part of train\/run, which is being fetched/)
      running = [{ ...whole, root: inner.toString(), name: 'train/run/a' }]
      const all = await reference()
      assert.deepEqual([all.transfer?.root, all.here.bytes, all.size], [inner.toString(), 0, SIZE])
      assert.match(all.help, /^A part of it, train\/run\/a, is being fetched/)
      running = [{ ...whole, root: 'other', name: 'train/run/other' }]
      assert.equal((await reference('train/run/a')).transfer, null)
    })

    it('tells of the last attempt where that failed, and of none where the last one did not', async () => {
      const status = sessionStatus({
        state: 'failed',
        providers: [provider('alice', { said: { code: 'CORRUPT', message: 'leaf 3' } })]
      })
      const failed = {
        root: root.toString(),
        name: null,
        at: 5,
        status,
        error: { code: 'NO_SPACE', message: 'the disk is full' }
      }
      ended = [failed]
      const why = await reference()
      assert.deepEqual([why.failed?.at, why.failed?.error?.code], [5, 'NO_SPACE'])
      assert.deepEqual(of(why, 'alice').said, { code: 'CORRUPT', message: 'leaf 3' })
      assert.match(why.help, /^Make room/)
      ended = [{ ...failed, at: 6, error: null }, failed]
      assert.equal((await reference()).failed, null)
    })

    it('tells who does not answer, after the time that an answer has', async () => {
      answers.delete('carol')
      const why = await clock.drive(reference(), ASK_MS)
      assert.deepEqual([of(why, 'carol').holds, of(why, 'carol').said?.code], ['unknown', 'TIMEOUT'])
      assert.equal(of(why, 'alice').holds, 'all')
    })

    it('names the origin that is away, and what has it in part', async () => {
      connected = ['carol']
      answers.set('carol', PART)
      const why = await reference()
      const alice = of(why, 'alice')
      assert.deepEqual([alice.connected, alice.via, alice.holds], [false, null, 'unknown'])
      assert.deepEqual([of(why, 'carol').holds, of(why, 'carol').heldBytes], ['part', 3])
      answers.set('carol', NOTHING)
      assert.match((await reference()).help, /^Start gpu-1 again/)
    })

    it('that this node published, and has lost, says what to do here, and counts this node among nobody', async () => {
      records = [{ ...record, origin: 'self' }]
      answers.set('alice', NOTHING)
      const why = await reference()
      assert.deepEqual(
        why.providers.map(({ peerId }) => peerId),
        ['alice', 'carol']
      )
      assert.match(why.help, /^It is shared by this node, and the file is gone/)
    })

    it('says that a file changed where its origin says so', async () => {
      answers.set('alice', new PathmeshError('SOURCE_CHANGED', 'the file changed'))
      assert.match((await reference()).help, /changed on gpu-1 .* share it again there/)
    })

    it('does not count on a node that found its file changed, though it says that it holds it', async () => {
      const said = { code: 'SOURCE_CHANGED', message: 'the file changed' }
      const status = sessionStatus({ state: 'failed', providers: [provider('alice', { said })] })
      ended = [{ root: root.toString(), name: null, at: 5, status, error: said }]
      assert.match((await reference()).help, /changed on gpu-1/)
      connected.push('bob')
      answers.set('bob', ALL)
      assert.match((await reference()).help, /^Get it/)
    })

    it('says that the only one who has it is banned', async () => {
      for (let n = 0; n < STRIKES_MAX; n++) strikes.struck('alice', 'a leaf')
      const why = await reference()
      assert.equal(of(why, 'alice').bannedUntil, clock.now() + BAN_MS)
      assert.match(why.help, /^gpu-1 sent wrong bytes too often/)
    })

    it('leaves out of its advice one who is banned, and has nothing to do with it', async () => {
      for (let n = 0; n < STRIKES_MAX; n++) strikes.struck('carol', 'a leaf')
      answers.set('carol', new PathmeshError('DENIED', 'it is not asked for a while'))
      answers.set('alice', new PathmeshError('SOURCE_CHANGED', 'the file changed'))
      assert.match((await reference()).help, /changed on gpu-1/)
      answers.set('alice', NOTHING)
      assert.match((await reference()).help, /^Nobody who is connected has it: share it again on gpu-1/)
    })
  })

  describe('of a peer', () => {
    const state = { peerId: 'alice', addresses: ['/ip4/10.0.0.1/tcp/4747'], latencyMs: 2, lastSeen: 7 }

    it('says how its bytes travel, and what passes between it and this node', async () => {
      known = [{ ...state, connected: true, lastSeen: clock.now() }]
      lane = { via: 'stream', why: 'its port cannot be reached' }
      const status = sessionStatus({ providers: [provider('alice'), provider('carol')] })
      running = [
        { root: root.toString(), name: 'train/run', status },
        { root: 'other', name: null, status: sessionStatus() }
      ]
      const why = await peer('gpu-1')
      assert.deepEqual([why.peerId, why.name, why.connected, why.latencyMs], ['alice', 'gpu-1', true, 2])
      assert.deepEqual([why.via, why.whyStream, why.strikes], ['stream', 'its port cannot be reached', 0])
      assert.deepEqual(why.sending, { bytes: 9, bytesPerSecond: 2 })
      assert.deepEqual([why.receiving.bytes, why.receiving.bytesPerSecond], [5, 1])
      assert.deepEqual(
        why.receiving.transfers.map(({ root, name, bytes }) => [root, name, bytes]),
        [[root.toString(), 'train/run', 2]]
      )
      assert.match(why.help, /faster over a lane: let one of the two reach the lane port/)
      lane = { ...lane, isOff: true }
      assert.match((await peer('gpu-1')).help, /over the stream: its port cannot be reached/)
    })

    it('that is away says since when, and why it could not be dialled', async () => {
      connected = []
      known = [{ ...state, connected: false, lastError: 'ECONNREFUSED', nextDialAt: 9 }]
      const why = await peer('alice')
      assert.deepEqual([why.connected, why.via, why.lastSeen, why.nextDialAt], [false, null, 7, 9])
      assert.match(why.help, /ECONNREFUSED/)
    })

    it('that sent wrong bytes says how often, and until when it is left out', async () => {
      for (let n = 0; n < STRIKES_MAX; n++) strikes.struck('alice', `leaf ${n}`)
      const why = await peer('alice')
      assert.deepEqual([why.strikes, why.lastStrike, why.bannedUntil], [3, 'leaf 2', clock.now() + BAN_MS])
      assert.match(why.help, /wrong bytes/)
    })

    it('is refused for one that nobody knows, for this node, for a name of two, and with a version', async () => {
      await assert.rejects(peer('gpu-9'), failsWith('NOT_FOUND', /"gpu-9".*pathmesh peers/))
      await assert.rejects(peer('laptop'), failsWith('INVALID_ARGUMENT', /this node/))
      await assert.rejects(peer('gpu-2'), failsWith('INVALID_ARGUMENT', /bob or twin/))
      await assert.rejects(explanations().about({ ref: 'gpu-1', version: '3' }, never), failsWith('INVALID_ARGUMENT'))
    })
  })
})
