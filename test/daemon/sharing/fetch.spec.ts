// What a get does when the version that it wants goes away: says so at once, with the newer one, or follows the name to it.

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { VersionRecord } from '../../../daemon/catalogue/record.ts'
import { Hasher } from '../../../daemon/content/hasher.ts'
import { systemClock } from '../../../daemon/clock.ts'
import type { ProviderStatus } from '../../../daemon/exchange/session-types.ts'
import { InlineFiles } from '../../../daemon/sharing/inline.ts'
import { type FetchParts, getContent, type OnProgress } from '../../../daemon/sharing/fetch.ts'
import type { Settled } from '../../../daemon/sharing/resolve.ts'
import type { Holding } from '../../../daemon/store/holding-table.ts'
import { named } from '../../../daemon/store/named.ts'
import type { Progress } from '../../../proto/api.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import { PROGRESS_PROVIDERS_MAX } from '../../../proto/limits.ts'
import { sessionStatus } from '../../helpers/session-status.ts'
import { type OpenStore, holdInPlace, holdManaged, openStore } from '../../helpers/stores.ts'
import { buildTree, failsWith, file } from '../../helpers/trees.ts'

const never = new AbortController().signal
const sends = (peerId: string, bytesPerSecond: number, bytes = 1, state: ProviderStatus['state'] = 'idle') =>
  ({ peerId, bytes, bytesPerSecond, via: 'lane', state, said: null }) as const
const status = sessionStatus({
  bytesDone: 5,
  bytesTotal: 9,
  etaSeconds: 2.5,
  why: 'it rests',
  providers: [
    sends('asked in vain', 0, 0, 'left'),
    sends('slow', 3),
    ...Array.from({ length: PROGRESS_PROVIDERS_MAX }, (_, n) => sends(`${n}`, 1)),
    sends('origin', 7),
    sends('begins', 5, 0, 'sending')
  ]
})

const rootOf = (text: string): CID => buildTree(file(text), 'blake3').cid
const version = (seq: number, origin = 'origin'): VersionRecord => ({
  type: 'version',
  origin,
  number: seq,
  name: 'train/last',
  seq,
  time: 1,
  root: rootOf(`version ${seq}`),
  kind: 'file',
  size: `version ${seq}`.length,
  meta: null,
  of: null,
  encoding: null
})

describe('getContent()', () => {
  let opened: OpenStore
  let hasher: Hasher
  /** The newest version of the name, as this node knows it. */
  let newest: VersionRecord
  let connected: string[]
  /** Who has what; a peer that is not in it does not answer. */
  let has: Map<string, CID[]>
  let fetched: string[]
  /** What a transfer of a root comes to. */
  let transfer: (root: CID) => Promise<Holding>

  beforeEach(async () => {
    opened = await openStore()
    hasher = new Hasher({ threads: 1 })
    newest = version(2)
    connected = ['origin', 'other']
    has = new Map([
      ['origin', [version(2).root]],
      ['other', []]
    ])
    fetched = []
    transfer = async () => holdManaged(opened.store, file(`version ${newest.seq}`))
  })

  afterEach(async () => {
    await hasher.close()
    await opened.remove()
  })

  const holds = (peer: string, root: CID) => has.get(peer)?.some(held => held.equals(root)) ?? false

  const parts = (self = 'self', fixed?: VersionRecord): FetchParts => ({
    self,
    store: opened.store,
    hasher,
    clock: systemClock,
    inlineFiles: new InlineFiles(opened.store, () => false),
    catalogue: { nodeName: peer => (peer === 'origin' ? 'gpu-1' : undefined) },
    deliveries: { admit: () => assert.fail(), deliver: () => assert.fail() },
    transfers: {
      isRunning: () => false,
      fetch: async ({ root }, _, { onStatus }) => {
        fetched.push(root.toString())
        onStatus?.(status)
        return { held: await transfer(root), status }
      }
    },
    peers: {
      connected: () => connected,
      provider: async peer => ({
        peer,
        via: 'stream',
        follow: () => assert.fail(),
        held: () => assert.fail(),
        tree: () => assert.fail(),
        small: () => assert.fail(),
        leaves: () => assert.fail(),
        wrong: () => assert.fail(),
        have: async cids => {
          if (!has.has(peer)) throw new PathmeshError('TIMEOUT', `${peer} does not answer`)
          return cids.map(cid => holds(peer, cid))
        }
      })
    },
    holders: async root => connected.filter(peer => holds(peer, root)),
    newestOf: async () => newest,
    settle: async () => settled(fixed),
    find: async now => ({
      ...now,
      entry: { kind: 'file', cid: now.root, size: now.record?.size ?? 0, executable: false }
    })
  })

  const settled = (fixed?: VersionRecord): Settled => {
    const record = fixed ?? newest
    return {
      ref: { type: 'name', work: 'train', path: 'last', directory: false },
      record,
      newest,
      isFixed: fixed !== undefined,
      root: record.root,
      sub: '',
      beyond: '',
      rootSize: record.size,
      hints: [record.origin]
    }
  }

  const get = async (self?: string, fixed?: VersionRecord, onProgress: OnProgress = () => undefined) => {
    const got = await getContent({ ref: 'pathmesh://train/last' }, parts(self, fixed), never, onProgress)
    assert.ok(got.event === 'done')
    return got
  }

  const gone = (error: unknown): boolean => {
    assert.ok(error instanceof PathmeshError)
    assert.equal(error.code, 'VERSION_GONE')
    assert.deepEqual(error.details, { newest: 2, cid: version(2).root.toString() })
    return /the newest version of train\/last is 2/.test(error.message)
  }

  it('is VERSION_GONE at once where the origin and nobody else has a version that was replaced', async () => {
    await assert.rejects(get('self', version(1)), gone)
    assert.deepEqual(fetched, [])
  })

  it('is VERSION_GONE on the origin too', async () => {
    await assert.rejects(get('origin', version(1)), gone)
  })

  for (const [why, change] of [
    ['somebody else has it', () => has.set('other', [version(1).root])],
    ['the origin has it', () => has.set('origin', [version(1).root])],
    ['the origin is away', () => (connected = ['other'])],
    ['the origin does not answer', () => has.delete('origin')]
  ] as const) {
    it(`asks for a version that was replaced where ${why}`, async () => {
      change()
      transfer = async () => holdManaged(opened.store, file('version 1'))
      assert.equal((await get('self', version(1))).seq, 1)
      assert.deepEqual(fetched, [version(1).root.toString()])
    })
  }

  it('tells how far it is, how long it will take, what it waits for, and who sends most', async () => {
    const told: Progress[] = []
    await get('self', undefined, progress => told.push(progress))
    const [, progress] = told
    assert.ok(progress)
    const { phase, bytes, total, etaSeconds, why, providers } = progress
    assert.deepEqual([phase, bytes, total, etaSeconds, why], ['transferring', 5, 9, 2.5, 'it rests'])
    assert.deepEqual(providers.slice(0, 3), [
      { peerId: 'origin', name: 'gpu-1', bytes: 1, bytesPerSecond: 7, via: 'lane' },
      { peerId: 'begins', bytes: 0, bytesPerSecond: 5, via: 'lane' },
      { peerId: 'slow', bytes: 1, bytesPerSecond: 3, via: 'lane' }
    ])
    assert.equal(providers.length, PROGRESS_PROVIDERS_MAX)
  })

  it('has a version that was replaced and is here, and asks nobody', async () => {
    await holdManaged(opened.store, file('version 1'))
    const { path } = await get('self', version(1))
    assert.equal(await readFile(path, 'utf8'), 'version 1')
    assert.deepEqual(fetched, [])
  })

  for (const code of ['NO_PROVIDERS', 'TIMEOUT', 'SOURCE_CHANGED'] as const) {
    it(`is VERSION_GONE where a fixed version was replaced and went away while it was fetched: ${code}`, async () => {
      newest = version(1)
      transfer = async () => {
        newest = version(2)
        throw new PathmeshError(code, 'it stopped')
      }
      await assert.rejects(get('self', version(1)), gone)
    })

    it(`follows its name to the newer version where the one it began with went away: ${code}`, async () => {
      newest = version(1)
      transfer = async root => {
        newest = version(2)
        if (!root.equals(newest.root)) throw new PathmeshError(code, 'it stopped')
        return holdManaged(opened.store, file('version 2'))
      }
      assert.equal((await get()).seq, 2)
      assert.equal(fetched.length, 2)
    })
  }

  it('fails as the transfer did while there is no newer version', async () => {
    transfer = async () => {
      throw new PathmeshError('NO_PROVIDERS', 'nobody has it')
    }
    await assert.rejects(get(), failsWith('NO_PROVIDERS', /nobody has it/))
    assert.equal(fetched.length, 1)
  })

  it('that is not done in time tells how far it came, whom it asked, and what each said', async () => {
    const total = new AbortController()
    const late = new PathmeshError('TIMEOUT', 'it did not arrive within 8 s')
    const failed = { code: 'CORRUPT', message: 'a leaf does not match' }
    const stood = sessionStatus({
      bytesDone: 5,
      bytesTotal: 2048,
      providers: [
        { ...sends('origin', 0, 0, 'left'), said: failed },
        sends('abcdefghijk', 0, 0, 'sending'),
        sends('sender', 0, 5)
      ]
    })
    const asked: FetchParts = {
      ...parts(),
      transfers: {
        isRunning: () => false,
        fetch: async (_root, _destination, { onStatus }) => {
          onStatus?.(stood)
          total.abort(late)
          onStatus?.({ ...stood, state: 'failed', providers: [] })
          throw late
        }
      }
    }
    await assert.rejects(
      getContent({ ref: 'pathmesh://train/last' }, asked, total.signal, () => undefined),
      (error: unknown) => {
        assert.ok(error instanceof PathmeshError)
        assert.deepEqual(error.details, {
          phase: 'transferring',
          bytesVerified: 5,
          bytesTotal: 2048,
          tried: [{ peerId: 'origin', name: 'gpu-1', ...failed }]
        })
        assert.equal(
          error.message,
          'it did not arrive within 8 s. 5 B of 2.0 KiB verified; sender: sent 5 B; gpu-1: a leaf does not match; defghijk: nothing came yet'
        )
        return error.code === 'TIMEOUT'
      }
    )
  })

  it('that is cancelled fails with the reason as it is', async () => {
    const stop = new AbortController()
    transfer = async () => {
      stop.abort(new PathmeshError('ABORTED', 'the caller is gone'))
      throw new PathmeshError('TIMEOUT', 'nothing came')
    }
    const reason = failsWith('ABORTED', /^the caller is gone$/)
    await assert.rejects(
      getContent({ ref: 'pathmesh://train/last' }, parts(), stop.signal, () => undefined),
      reason
    )
  })

  it('follows a name that runs away five times, and then gives up', async () => {
    transfer = async () => {
      newest = version(newest.seq + 1)
      throw new PathmeshError('SOURCE_CHANGED', 'it changed')
    }
    await assert.rejects(get(), failsWith('VERSION_GONE', /newest version of train\/last is 7/))
    assert.equal(fetched.length, 5)
  })

  it('takes what is kept where what lies in place changed', async () => {
    const path = join(opened.folder, 'mine')
    await writeFile(path, 'version 2')
    await holdInPlace(opened.store, hasher, path)
    await writeFile(path, 'changed')
    const kept = await holdManaged(opened.store, file('version 2'))
    assert.equal((await get()).path, await named(kept, kept.path, 'last'))
    assert.deepEqual(fetched, [])
  })

  it('keeps what it reads from being removed until it is done', async () => {
    newest = version(1)
    const held = await holdManaged(opened.store, file('version 1'))
    let isRead: boolean | undefined
    const deliver = async () => void (isRead = opened.store.leases.isRead(held.root))
    const asked = { ...parts(), deliveries: { admit: async () => undefined, deliver } }
    await getContent({ ref: 'pathmesh://train/last', to: '/to' }, asked, never, () => undefined)
    assert.equal(isRead, true)
    assert.equal(opened.store.leases.isRead(held.root), false)
  })
})
