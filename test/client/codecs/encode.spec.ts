// encode() and decode(): the codecs of Payloads for files. What the codecs make of single values is in specs of their own.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'mocha'
import type { Codec } from '../../../client/codecs/codec.ts'
import { decode, encode } from '../../../client/codecs/encode.ts'
import { failsWith } from '../../helpers/trees.ts'

const bytesOf = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> => Buffer.concat(await collected(pieces))

async function collected(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return all
}

/** A codec of text in capitals that has to be made ready, and takes its time. */
class Shouting implements Codec<string> {
  readonly id = 'test/shouting'
  readonly mediaType = 'text/plain'
  isReady = false
  path = ''

  readonly ready = async (): Promise<void> => {
    this.isReady = await Promise.resolve(true)
  }

  matches(value: unknown): value is string {
    return typeof value === 'string'
  }

  async encode(value: string): Promise<Uint8Array[]> {
    assert.ok(this.isReady)
    return await Promise.resolve(
      value
        .toUpperCase()
        .split('')
        .map(letter => Buffer.from(letter))
    )
  }

  async decode(source: Parameters<Codec['decode']>[0]): Promise<string> {
    assert.ok(this.isReady)
    this.path = source.path()
    return (await readFile(this.path, 'utf8')).toLowerCase()
  }
}

describe('encode()', () => {
  it('makes what a file holds, and decode() the value of it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pm-'))
    try {
      const weights = { layer: Float32Array.of(1, -2, 0.5), bias: Float64Array.of(3) }
      const file = join(folder, 'weights.safetensors')
      await writeFile(file, encode(weights, 'safetensors'))
      assert.deepEqual(await decode(await readFile(file), 'safetensors'), weights)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('lets the value decide where no codec is named', async () => {
    const date = new Date(0)
    assert.deepEqual(await decode(await bytesOf(encode({ date })), 'cbor'), { date })
    assert.equal((await bytesOf(encode('plain'))).toString(), 'plain')
    assert.deepEqual(await collected(encode(Uint8Array.of(1, 2))), [Uint8Array.of(1, 2)])
  })

  it('hands a stream on piece by piece', async () => {
    async function* stream(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1)
      yield Uint8Array.of(2)
    }
    assert.deepEqual(await collected(encode(stream())), [Uint8Array.of(1), Uint8Array.of(2)])
  })

  it('takes a codec itself, makes it ready, and waits for it', async () => {
    const codec = new Shouting()
    assert.deepEqual(await bytesOf(encode('abc', codec)), Buffer.from('ABC'))
    assert.equal(await decode(Buffer.from('ABC'), codec), 'abc')
  })

  it('throws at once where there is no codec', () => {
    assert.throws(() => encode(1, 'no-such'), failsWith('CODEC_NOT_FOUND', /no-such/))
    assert.throws(() => encode(() => 1), failsWith('CODEC_NOT_FOUND'))
  })

  it('tells what a codec cannot encode when it is read', async () => {
    const pieces = encode({ key: Symbol('odd') }, 'json')
    await assert.rejects(bytesOf(pieces), failsWith('CODEC_NOT_FOUND', /key/))
  })
})

describe('decode()', () => {
  it('makes a codec ready that was not', async () => {
    assert.equal(await decode(Buffer.from('YES'), new Shouting()), 'yes')
  })

  it('leaves no file behind that a codec asked for', async () => {
    const codec = new Shouting()
    await decode(Buffer.from('ABC'), codec)
    assert.notEqual(codec.path, '')
    assert.equal(existsSync(codec.path), false)
  })

  it('rejects where there is no codec, or the bytes are not of its form', async () => {
    await assert.rejects(decode(new Uint8Array(), 'no-such'), failsWith('CODEC_NOT_FOUND', /no-such/))
    await assert.rejects(decode(Buffer.from('{'), 'json'), failsWith('CORRUPT'))
  })
})
