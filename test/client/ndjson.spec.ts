// Lines of JSON out of chunks of bytes.

import assert from 'node:assert/strict'
import { parseLines } from '../../client/ndjson.ts'

async function* chunksOf(...chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

async function all(chunks: AsyncIterable<Uint8Array>, max?: number): Promise<object[]> {
  const found: object[] = []
  for await (const value of parseLines(chunks, max)) found.push(value)
  return found
}

describe('parseLines()', () => {
  it('does not mind where the chunks are cut', async () => {
    const bytes = Buffer.from('{"a":"é"}\n{"b":2}\n')
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(
        await all(chunksOf(bytes.subarray(0, at), bytes.subarray(at))),
        [{ a: 'é' }, { b: 2 }],
        `cut at ${at}`
      )
    }
    assert.deepEqual(await all(chunksOf(...Array.from(bytes, byte => Uint8Array.of(byte)))), [{ a: 'é' }, { b: 2 }])
  })

  it('passes heartbeats over', async () => {
    assert.deepEqual(await all(chunksOf('{}\n{"a":1}\n{}\n')), [{ a: 1 }])
  })

  it('takes a line as long as the bound, and none longer', async () => {
    assert.deepEqual(await all(chunksOf('{"a":1}\n'), 7), [{ a: 1 }])
    await assert.rejects(all(chunksOf('{"a":1}\n'), 6), { code: 'TOO_LARGE' })
    await assert.rejects(all(chunksOf('{"a"', ':1'), 5), { code: 'TOO_LARGE' })
  })

  it('refuses an end in the middle of a line, and lines that are no objects', async () => {
    await assert.rejects(all(chunksOf('{"a":1}')), /middle of a line/)
    await assert.rejects(all(chunksOf('{"a":\n')), { code: 'INTERNAL' })
    await assert.rejects(all(chunksOf('1\n')), { code: 'INTERNAL' })
    assert.deepEqual(await all(chunksOf()), [])
  })
})
