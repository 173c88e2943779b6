// Orders for small files and what was written of them, on their way between threads: what comes out is what went in.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { cidOf, RAW } from '../../../../daemon/content/multihash.ts'
import type { WantedSmall } from '../../../../daemon/exchange/provider.ts'
import { packWishes, wishesIn, Written, writtenIn } from '../../../../daemon/exchange/lanes/small-files.ts'

const look = (ino: bigint) => ({ dev: 2n ** 64n - 1n, ino, size: 9n, mtimeNs: -1n, ctimeNs: 2n ** 60n })
const targets = (...names: string[]) => names.map((path, i) => ({ path, mode: 0o444 + i }))
const wanted: WantedSmall[] = [
  { cid: cidOf(RAW, 'blake3', Buffer.from('a')), size: 1, into: targets('one', 'two') },
  { cid: cidOf(RAW, 'sha2-256', Buffer.from('b')), size: undefined, into: [] },
  { cid: cidOf(RAW, 'blake3', Buffer.of()), size: 0, into: targets('three') }
]

describe('small files between threads', () => {
  it('keep what is wished for', () => {
    const wishes = [...wishesIn(structuredClone(packWishes(wanted)))]
    const shown = (list: readonly WantedSmall[]) => list.map(({ cid, size, into }) => [cid.toString(), size, into])
    assert.deepEqual(shown(wishes), shown(wanted))
    assert.deepEqual([...wishesIn(packWishes([]))], [])
  })

  it('keep what the files looked like, each with its wish, and are told of once', () => {
    const written = new Written()
    assert.equal(written.take(), undefined)
    written.add(look(3n))
    written.end(2)
    written.add(look(1n))
    written.add(look(2n ** 63n))
    written.end(0)
    const packed = written.take()
    assert.ok(packed !== undefined)
    const came = [...writtenIn(structuredClone(packed), wanted)]
    assert.deepEqual(
      came.map(({ cid, is, size, looks }) => [cid, is, size, looks]),
      [
        [wanted[2]?.cid, 'written', 9, [look(3n)]],
        [wanted[0]?.cid, 'written', 9, [look(1n), look(2n ** 63n)]]
      ]
    )
    assert.equal(written.take(), undefined)
  })
})
