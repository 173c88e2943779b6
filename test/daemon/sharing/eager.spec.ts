// Content that goes out with its record: to whom, how much, and what of it is believed and kept.

import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import type { Signed } from '../../../daemon/catalogue/record.ts'
import { cidOf, RAW } from '../../../daemon/content/multihash.ts'
import { Eager } from '../../../daemon/sharing/eager.ts'
import {
  EAGER_CONTENT_BYTES,
  EAGER_HELD_BYTES,
  EAGER_MESSAGE_BYTES,
  EAGER_MS,
  PEERS_MAX
} from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { signedVersion } from '../../helpers/signed-records.ts'

const rootOf = (bytes: Uint8Array) => cidOf(RAW, 'blake3', bytes)

describe('content that goes out with its record', () => {
  let clock: ManualClock
  let held: Map<string, Uint8Array>
  let eager: Eager
  beforeEach(() => {
    clock = new ManualClock()
    held = new Map()
    eager = new Eager({ clock, inline: { get: async cid => held.get(cid.toString()) } })
  })

  /** A version whose content is here. */
  const published = (bytes: Uint8Array, number = 1): Promise<Signed> => {
    held.set(rootOf(bytes).toString(), bytes)
    return signedVersion('maker', `w/${number}`, number, { root: rootOf(bytes), size: bytes.length })
  }
  const numbered = (i: number, size: number): Buffer => {
    const bytes = Buffer.alloc(size)
    bytes.writeUInt32LE(i)
    return bytes
  }

  it('goes to a peer that fetched lately, and to no other', async () => {
    const record = await published(Buffer.from('small'))
    assert.deepEqual(await eager.contentsFor('peer', [record]), [])
    eager.fetched('peer')
    assert.deepEqual(await eager.contentsFor('peer', [record]), [Buffer.from('small')])
    assert.deepEqual(await eager.contentsFor('other', [record]), [])
    await clock.advance(EAGER_MS)
    assert.equal((await eager.contentsFor('peer', [record])).length, 1)
    await clock.advance(1)
    assert.deepEqual(await eager.contentsFor('peer', [record]), [])
  })

  it('is remembered of so many peers, those that fetched last', async () => {
    const record = await published(Buffer.from('small'))
    for (let i = 0; i <= PEERS_MAX; i++) eager.fetched(`peer ${i}`)
    assert.equal((await eager.contentsFor('peer 0', [record])).length, 0)
    assert.equal((await eager.contentsFor('peer 1', [record])).length, 1)
  })

  it('is small, each and together; what is not here does not go', async () => {
    eager.fetched('peer')
    const most = await published(numbered(1, EAGER_CONTENT_BYTES), 1)
    const more = await published(numbered(2, EAGER_CONTENT_BYTES + 1), 2)
    const gone = await published(numbered(3, 10), 3)
    held.delete(rootOf(numbered(3, 10)).toString())
    assert.deepEqual(await eager.contentsFor('peer', [most, more, gone]), [numbered(1, EAGER_CONTENT_BYTES)])
    const many = EAGER_MESSAGE_BYTES / EAGER_CONTENT_BYTES + 1
    const records = await Promise.all(
      Array.from({ length: many }, (_, i) => published(numbered(i, EAGER_CONTENT_BYTES), i + 1))
    )
    assert.equal((await eager.contentsFor('peer', records)).length, many - 1)
  })

  it('is taken once, with whom it came from, and only if a record that came along names it', async () => {
    const bytes = Buffer.from('small')
    const record = await published(bytes)
    eager.came('maker', [record], [Buffer.from('other')])
    assert.equal(eager.take(rootOf(Buffer.from('other'))), undefined)
    eager.came('maker', [record], [bytes])
    const came = eager.take(rootOf(bytes))
    assert.deepEqual([came?.from, Buffer.from(came?.bytes ?? [])], ['maker', bytes])
    assert.equal(eager.take(rootOf(bytes)), undefined)
  })

  it('does not change with the memory that it came in', async () => {
    const bytes = Buffer.from('small')
    const root = rootOf(bytes)
    eager.came('maker', [await published(Buffer.from(bytes))], [bytes])
    bytes.fill(0)
    assert.equal(Buffer.from(eager.take(root)?.bytes ?? []).toString(), 'small')
  })

  it('is kept up to a bound; what came first goes first', async () => {
    const all = EAGER_HELD_BYTES / EAGER_CONTENT_BYTES
    for (let i = 0; i <= all; i++) {
      const bytes = numbered(i, EAGER_CONTENT_BYTES)
      eager.came('maker', [await published(bytes, i + 1)], [bytes])
    }
    assert.equal(eager.take(rootOf(numbered(0, EAGER_CONTENT_BYTES))), undefined)
    assert.notEqual(eager.take(rootOf(numbered(1, EAGER_CONTENT_BYTES))), undefined)
    assert.notEqual(eager.take(rootOf(numbered(all, EAGER_CONTENT_BYTES))), undefined)
  })
})
