// Where codecs read from: memory and files, of the sizes that matter, and what becomes of files that were made on the way.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { fileSource, memorySource, type OpenSource } from '../../client/codecs/source.ts'
import { PAYLOAD_MEMORY_BYTES_MAX } from '../../proto/limits.ts'
import { Seeded } from '../helpers/seeded.ts'
import { failsWith, temporaryFolder } from '../helpers/trees.ts'

describe('a source', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => (folder = await temporaryFolder()))
  afterEach(() => folder.remove())

  const kinds: [string, (bytes: Uint8Array) => Promise<OpenSource>][] = [
    ['in memory', async bytes => memorySource(bytes)],
    [
      'in a file',
      async bytes => {
        const path = join(folder.path, 'file')
        await writeFile(path, bytes)
        return fileSource(path, bytes.length)
      }
    ]
  ]

  for (const [where, open] of kinds) {
    for (const size of [0, 1, 2, 65_536, 1_000_003]) {
      it(`of ${size} bytes ${where} gives all of them, any part, and a file with them`, async () => {
        const bytes = new Seeded(where).bytes(size)
        const source = await open(new Uint8Array(bytes))
        assert.equal(source.size, size)
        const whole = source.bytes()
        assert.deepEqual([whole.byteOffset, whole.length, whole.buffer.byteLength], [0, size, size])
        assert.ok(Buffer.from(bytes).equals(whole))
        assert.ok(source.bytes() === whole)
        for (const [start, end] of [
          [0, size],
          [0, 0],
          [size, size],
          [Math.floor(size / 3), Math.ceil(size / 2)]
        ] as const) {
          const part = source.read(start, end)
          assert.ok(Buffer.from(bytes).subarray(start, end).equals(part))
          assert.ok(part.buffer !== whole.buffer)
        }
        assert.ok(readFileSync(source.path()).equals(bytes))
        source.close()
      })
    }

    it(`${where} has no bytes outside of it`, async () => {
      const source = await open(Buffer.from('abc'))
      for (const [start, end] of [
        [-1, 1],
        [0, 4],
        [2, 1],
        [4, 4],
        [0.5, 1],
        [0, NaN],
        [0, 2 ** 53]
      ] as const)
        assert.throws(() => source.read(start, end), RangeError, `${start} to ${end}`)
      source.close()
    })
  }

  it('in memory of its own is not copied, and a part of a larger piece is', () => {
    const own = new Uint8Array([1, 2, 3])
    assert.ok(memorySource(own).bytes().buffer === own.buffer)
    const shared = own.subarray(1)
    const bytes = memorySource(shared).bytes()
    assert.deepEqual([bytes.byteOffset, [...bytes]], [0, [2, 3]])
    own[1] = 9
    assert.deepEqual([...bytes], [2, 3])
  })

  it('in memory makes its file once, closed to others and to writing, and removes it when it is closed', () => {
    const source = memorySource(Buffer.from('abc'))
    const path = source.path()
    assert.equal(source.path(), path)
    assert.equal(statSync(path).mode & 0o777, 0o400)
    assert.equal(statSync(dirname(path)).mode & 0o077, 0)
    source.close()
    assert.equal(existsSync(dirname(path)), false)
    source.close()
    assert.equal(Buffer.from(source.bytes()).toString(), 'abc')
  })

  it('in a file that became shorter is IO, and what is there can be read', async () => {
    const path = join(folder.path, 'short')
    await writeFile(path, 'abcdef')
    const source = fileSource(path, 6)
    await truncate(path, 4)
    assert.throws(() => source.bytes(), failsWith('IO', /short ends after 4 bytes, before 6/))
    assert.throws(() => source.read(5, 6), failsWith('IO'))
    assert.equal(Buffer.from(source.read(1, 4)).toString(), 'bcd')
  })

  it('in a file that is gone fails, naming it, and leaves the file of others when it is closed', async () => {
    const path = join(folder.path, 'gone')
    await writeFile(path, 'abc')
    const source = fileSource(path, 3)
    source.close()
    assert.equal(existsSync(path), true)
    await rm(path)
    assert.throws(() => source.bytes(), failsWith('NOT_FOUND', /gone/))
  })

  it('of more than fits in one piece of memory is TOO_LARGE, and is read in parts', async () => {
    const path = join(folder.path, 'sparse')
    await writeFile(path, 'abc')
    const size = PAYLOAD_MEMORY_BYTES_MAX + 1
    await truncate(path, size)
    const source = fileSource(path, size)
    assert.throws(() => source.bytes(), failsWith('TOO_LARGE', /in parts/))
    assert.deepEqual([...source.read(size - 1, size)], [0])
    assert.equal(Buffer.from(source.read(0, 3)).toString(), 'abc')
  })
})
