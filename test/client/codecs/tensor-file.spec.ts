// Reading parts of a safetensors file: which bytes are read for what, beyond 4 GiB too, and what is said of names that are not there.

import assert from 'node:assert/strict'
import { mkdtemp, open, readFile, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { safetensorsCodec } from '../../../client/codecs/safetensors.ts'
import { fileSource } from '../../../client/codecs/source.ts'
import { TensorFile, type RangeReader } from '../../../client/codecs/tensor-file.ts'
import { tensor } from '../../../client/codecs/tensor.ts'
import { PAYLOAD_MEMORY_BYTES_MAX } from '../../../proto/limits.ts'
import { encoded, fileOf } from '../../fixtures/safetensors/bytes.ts'
import { fixture } from '../../fixtures/safetensors/from-js.ts'

/** Bytes that notes what is read of them. */
class Ranges implements RangeReader {
  readonly size: number
  readonly asked: [start: number, end: number][] = []
  readonly #bytes: Uint8Array
  constructor(bytes: Uint8Array, size = bytes.length) {
    this.#bytes = bytes
    this.size = size
  }
  async read(start: number, end: number): Promise<Uint8Array> {
    this.asked.push([start, end])
    return await Promise.resolve(this.#bytes.slice(start, end))
  }
}

const STATE = {
  'layer.0.weight': tensor(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]),
  'layer.0.bias': tensor(Float64Array.of(7, 8)),
  scale: tensor(Uint16Array.of(0x3f80), [], 'BF16'),
  none: tensor(new Int32Array(0), [0, 4]),
  thin: tensor(new Int8Array(0), [5, 0])
}

describe('TensorFile', () => {
  it('knows names, kinds, shapes, sizes and metadata after one read', async () => {
    const bytes = encoded(STATE)
    const ranges = new Ranges(bytes)
    const file = await TensorFile.open(ranges)
    assert.deepEqual(file.names, Object.keys(STATE))
    assert.deepEqual(file.info('layer.0.weight'), { dtype: 'F32', shape: [3, 2], bytes: 24 })
    assert.deepEqual(file.info('none'), { dtype: 'I32', shape: [0, 4], bytes: 0 })
    assert.deepEqual(file.metadata, {})
    assert.deepEqual(ranges.asked, [[0, bytes.length]])
    const foreign = await TensorFile.open(new Ranges(await readFile(fixture('from-python-kinds'))))
    assert.deepEqual(foreign.metadata, { format: 'np', größe: 'α', quote: '"\\' })
    assert.deepEqual((await foreign.get('größe/α\n"')).data, Uint8Array.of(7))
  })

  it('reads a header that does not fit in the first read with a second', async () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`t${index}`, Int8Array.of(index)]))
    const bytes = encoded(many)
    const ranges = new Ranges(bytes)
    const file = await TensorFile.open(ranges)
    assert.equal(file.names.length, 1000)
    const end = bytes.length - 1000
    assert.deepEqual(ranges.asked, [
      [0, 16384],
      [8, end]
    ])
    assert.deepEqual((await file.get('t999')).data, Int8Array.of(999))
    assert.deepEqual(ranges.asked.at(-1), [end + 999, end + 1000])
  })

  it('get() reads a tensor, and nothing else', async () => {
    const bytes = encoded(STATE)
    const ranges = new Ranges(bytes)
    const file = await TensorFile.open(ranges)
    for (const [name, value] of Object.entries(STATE)) assert.deepEqual(await file.get(name), value)
    const data = bytes.length - 16 - 24 - 2
    assert.deepEqual(ranges.asked.slice(1), [
      [data + 16, data + 40],
      [data, data + 16],
      [data + 40, data + 42]
    ])
  })

  it('slice() reads the bytes of some rows, and nothing else', async () => {
    const bytes = encoded(STATE)
    const ranges = new Ranges(bytes)
    const file = await TensorFile.open(ranges)
    assert.deepEqual(await file.slice('layer.0.weight', 1, 3), tensor(Float32Array.of(3, 4, 5, 6), [2, 2]))
    const weight = bytes.length - 24 - 2
    assert.deepEqual(ranges.asked.slice(1), [[weight + 8, weight + 24]])
    assert.deepEqual(await file.slice('layer.0.weight', 0, 1), tensor(Float32Array.of(1, 2), [1, 2]))
    assert.deepEqual(await file.slice('layer.0.weight', 0, 3), STATE['layer.0.weight'])
    assert.deepEqual(await file.slice('layer.0.bias', 1, 2), tensor(Float64Array.of(8)))
    for (const row of [0, 3]) {
      assert.deepEqual(await file.slice('layer.0.weight', row, row), tensor(new Float32Array(0), [0, 2]))
    }
    assert.deepEqual(await file.slice('none', 0, 0), STATE.none)
    assert.deepEqual(await file.slice('thin', 1, 4), tensor(new Int8Array(0), [3, 0]))
  })

  it('slice() refuses rows that are not there', async () => {
    const file = await TensorFile.open(new Ranges(encoded(STATE)))
    for (const [from, to] of [
      [-1, 1],
      [0, 4],
      [2, 1],
      [0.5, 1],
      [0, NaN]
    ] as const) {
      await assert.rejects(file.slice('layer.0.weight', from, to), { name: 'RangeError', message: /has 3 rows/ })
    }
    await assert.rejects(file.slice('scale', 0, 1), { name: 'RangeError', message: /no rows/ })
  })

  it('says of a name that is not there how many are, and which are like it', async () => {
    const file = await TensorFile.open(new Ranges(encoded(STATE)))
    const code = 'NOT_FOUND'
    const message = 'no tensor is named "layer.0.wieght"; there are 5: did you mean "layer.0.weight" or "layer.0.bias"?'
    await assert.rejects(file.get('layer.0.wieght'), { code, message })
    await assert.rejects(file.get('layer.0.bais'), { code, message: /"layer\.0\.bias" or "layer\.0\.weight"\?$/ })
    await assert.rejects(file.get('Scale'), { code, message: /"scale"\?$/ })
    await assert.rejects(file.slice('toString', 0, 0), { code, message: /there are 5$/ })
    assert.throws(() => file.info('__metadata__'), { code })
  })

  it('takes memory that does not begin where such an array may', async () => {
    const bytes = encoded(STATE)
    const file = await TensorFile.open({
      size: bytes.length,
      read: async (start, end) => {
        const shifted = new Uint8Array(end - start + 1)
        shifted.set(bytes.subarray(start, end), 1)
        return await Promise.resolve(shifted.subarray(1))
      }
    })
    for (const [name, value] of Object.entries(STATE)) assert.deepEqual(await file.get(name), value)
  })

  it('refuses a read of fewer bytes, and passes on what a read throws', async () => {
    const bytes = encoded(STATE)
    await assert.rejects(TensorFile.open(new Ranges(bytes.slice(0, -1), bytes.length)), { code: 'IO', message: /gave/ })
    const many = encoded(Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`t${index}`, Int8Array.of(1)])))
    const cut = await TensorFile.open(new Ranges(many.slice(0, -1), many.length))
    await assert.rejects(cut.get('t999'), { code: 'IO', message: /gave 0/ })
    const failure = new Error('unplugged')
    await assert.rejects(TensorFile.open({ size: 100, read: async () => await Promise.reject(failure) }), failure)
  })

  it('refuses what no memory holds, and reads rows of it', async () => {
    const rows = PAYLOAD_MEMORY_BYTES_MAX / 2 + 1
    const size = 2 * rows
    const head = fileOf(`{"big":{"dtype":"U8","shape":[${rows},2],"data_offsets":[0,${size}]}}`)
    const file = await TensorFile.open({
      size: head.length + size,
      read: async (start, end) => await Promise.resolve(start === 0 ? zeros(head, end) : new Uint8Array(end - start))
    })
    await assert.rejects(file.get('big'), { code: 'TOO_LARGE', message: /"big".*slice\(\)/ })
    await assert.rejects(file.slice('big', 0, rows), { code: 'TOO_LARGE' })
    assert.deepEqual(await file.slice('big', rows - 1, rows), tensor(Uint8Array.of(0, 0), [1, 2]))
  })
})

describe('a safetensors file of more than 4 GiB', () => {
  const GiB = 2 ** 30
  let folder = ''
  let path = ''
  let size = 0
  let handle: FileHandle

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pathmesh-tensors-'))
    path = join(folder, 'model.safetensors')
    handle = await open(path, 'wx+')
    const big = [0, 1, 2, 3, 4].map(index => {
      return `"big.${index}":{"dtype":"F32","shape":[${GiB / 4096},1024],"data_offsets":[${index * GiB},${(index + 1) * GiB}]}`
    })
    const end = 5 * GiB
    const head = fileOf(`{${big.join()},"small":{"dtype":"F32","shape":[2,1],"data_offsets":[${end},${end + 8}]}}`)
    size = head.length + end + 8
    await handle.write(head, 0, head.length, 0)
    await handle.truncate(size)
    await handle.write(new Uint8Array(Float32Array.of(1.5, -2.25).buffer), 0, 8, size - 8)
    // One row of the last large one, beyond 2^32.
    await handle.write(new Uint8Array(Float32Array.of(42).buffer), 0, 4, head.length + 4 * GiB + 4096)
  })
  afterEach(async () => {
    await handle.close()
    await rm(folder, { recursive: true })
  })

  it('hands out small tensors, and rows of large ones', async () => {
    let read = 0
    const file = await TensorFile.open({
      size,
      read: async (start, end) => {
        read += end - start
        const bytes = new Uint8Array(end - start)
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
        return bytes.subarray(0, bytesRead)
      }
    })
    assert.deepEqual(file.info('big.4'), { dtype: 'F32', shape: [GiB / 4096, 1024], bytes: GiB })
    assert.deepEqual(await file.get('small'), tensor(Float32Array.of(1.5, -2.25), [2, 1]))
    assert.deepEqual(await file.slice('small', 1, 2), tensor(Float32Array.of(-2.25), [1, 1]))
    const { shape, data } = await file.slice('big.4', 1, 2)
    assert.deepEqual(shape, [1, 1024])
    assert.equal(data[0], 42)
    assert.ok(read < 32 * 1024)
  })

  it('is checked by decode() as a whole', () => {
    const source = fileSource(path, size - 1)
    assert.throws(() => safetensorsCodec.decode(source), { code: 'CORRUPT', message: /tensor "small" has offsets/ })
  })
})

/** The first `end` bytes of a file that begins so and goes on with zeros. */
function zeros(head: Uint8Array, end: number): Uint8Array {
  const bytes = new Uint8Array(end)
  bytes.set(head.subarray(0, end))
  return bytes
}
