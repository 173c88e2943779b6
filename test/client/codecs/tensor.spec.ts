// Tensors: made by hand, and taken from other libraries, whose objects are imitated here as they are.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { bareArray } from '../../../client/codecs/safetensors-dtype.ts'
import { safetensorsCodec } from '../../../client/codecs/safetensors.ts'
import { isTensor, tensor, toTensor } from '../../../client/codecs/tensor.ts'
import { decoded, encoded } from '../../fixtures/safetensors/bytes.ts'

/** As onnxruntime's: data behind a getter, which throws where it lies on another device. */
class OnnxTensor {
  readonly location: string
  readonly #data: object
  constructor(
    readonly type: string,
    data: object,
    readonly dims: readonly number[],
    location = 'cpu'
  ) {
    this.#data = data
    this.location = location
  }
  get data(): object {
    if (this.location === 'cpu') return this.#data
    throw new Error('the data is not on the CPU')
  }
}

/** As those of tfjs: data is a method that takes its time, and there is one that does not wait. */
class TfTensor {
  asked = 0
  constructor(
    readonly dtype: string,
    readonly shape: readonly number[],
    readonly values: NodeJS.TypedArray
  ) {}
  async data(): Promise<NodeJS.TypedArray> {
    return await Promise.resolve(this.values)
  }
  dataSync(): NodeJS.TypedArray {
    this.asked += 1
    return this.values
  }
}

/** As ndarray's: memory, and how to walk through it. */
class NdArray {
  readonly dtype = 'float32'
  constructor(
    readonly data: Float32Array,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
    readonly offset: number
  ) {}
}

describe('tensor()', () => {
  it('knows the kind of an array, and is of one dimension unless told otherwise', () => {
    const data = Float32Array.of(1, 2)
    assert.deepEqual(tensor(data), { dtype: 'F32', shape: [2], data })
    assert.equal(tensor(data).data, data)
    assert.deepEqual(tensor(data, [1, 2, 1]).shape, [1, 2, 1])
    assert.deepEqual(tensor(Int8Array.of(1), []), { dtype: 'I8', shape: [], data: Int8Array.of(1) })
    assert.deepEqual(tensor(Buffer.of(1)), { dtype: 'U8', shape: [1], data: Uint8Array.of(1) })
  })

  it('takes raw bits for kinds that have no array', () => {
    for (const dtype of ['F16', 'BF16'] as const) assert.equal(tensor(Uint16Array.of(1), [1], dtype).dtype, dtype)
    for (const dtype of ['BOOL', 'F8_E4M3', 'F8_E5M2'] as const)
      assert.equal(tensor(Uint8Array.of(1), [1], dtype).dtype, dtype)
  })

  it('refuses a shape of another number of elements, and an array of another kind', () => {
    const code = 'INVALID_ARGUMENT'
    assert.throws(() => tensor(Float32Array.of(1), [2]), { code, message: /the tensor has shape \[2\]/ })
    assert.throws(() => tensor(Float32Array.of(1), [1], 'I32'), { code, message: /the tensor is I32/ })
  })

  it('does not see what is done to the shape that it was given', () => {
    const shape = [1, 2]
    const made = tensor(Float32Array.of(1, 2), shape)
    shape.push(3)
    assert.deepEqual(made.shape, [1, 2])
  })
})

describe('toTensor()', () => {
  it('takes the tensors of onnxruntime', () => {
    const data = Float32Array.of(1, 2)
    const made = toTensor(new OnnxTensor('float32', data, [2, 1]))
    assert.deepEqual(made, tensor(data, [2, 1]))
    assert.equal(made.data, data)
    assert.deepEqual(toTensor(new OnnxTensor('bool', Uint8Array.of(1), [1])), tensor(Uint8Array.of(1), [1], 'BOOL'))
    assert.deepEqual(toTensor(new OnnxTensor('float16', Uint16Array.of(1), [1])), tensor(Uint16Array.of(1), [1], 'F16'))
    assert.deepEqual(toTensor(new OnnxTensor('int64', BigInt64Array.of(1n), [])), tensor(BigInt64Array.of(1n), []))
    assert.equal(isTensor(new OnnxTensor('string', ['a'], [1])), false)
    assert.equal(isTensor(new OnnxTensor('toString', data, [2])), false)
  })

  it('says that a tensor is on another device', () => {
    const far = new OnnxTensor('float32', Float32Array.of(1), [1], 'gpu-buffer')
    assert.equal(isTensor(far), true)
    assert.throws(
      () => toTensor(far, 'far'),
      (error: unknown) => {
        assert.ok(error instanceof Error && error.cause instanceof Error)
        assert.match(error.message, /tensor "far" has no data that can be read here/)
        assert.equal(error.cause.message, 'the data is not on the CPU')
        return true
      }
    )
  })

  it('takes the tensors of tfjs, and asks for their data only when it is needed', () => {
    const made = new TfTensor('int32', [2], Int32Array.of(1, 2))
    assert.equal(safetensorsCodec.matches({ made }), true)
    assert.equal(made.asked, 0)
    assert.deepEqual(toTensor(made), tensor(Int32Array.of(1, 2)))
    assert.equal(isTensor(new TfTensor('complex64', [1], Float32Array.of(1, 2))), false)
  })

  it('takes what an ndarray shows of its memory, if that lies in order', () => {
    const data = Float32Array.of(0, 1, 2, 3, 4, 5)
    assert.deepEqual(toTensor(new NdArray(data, [2, 3], [3, 1], 0)), tensor(data, [2, 3]))
    assert.deepEqual(toTensor(new NdArray(data, [1, 2], [9, 1], 3)), tensor(Float32Array.of(3, 4), [1, 2]))
    assert.deepEqual(toTensor(new NdArray(data, [0, 2], [7, 7], 1)), tensor(new Float32Array(0), [0, 2]))
    const turned = new NdArray(data, [3, 2], [1, 3], 0)
    assert.throws(() => toTensor(turned, 'turned'), {
      code: 'INVALID_ARGUMENT',
      message: /"turned" is a view .*stride 1, 3/
    })
    assert.throws(() => toTensor(new NdArray(data, [2, 3], [3, 1], 1)), { code: 'INVALID_ARGUMENT' })
  })

  it('takes a typed array, and refuses everything else', () => {
    assert.deepEqual(toTensor(Float64Array.of(1)), tensor(Float64Array.of(1)))
    for (const value of [
      null,
      undefined,
      1,
      [1],
      { dtype: 'F32' },
      { dtype: 'F33', shape: [], data: Float32Array.of(1) }
    ])
      assert.throws(() => toTensor(value, 'x'), { code: 'CODEC_NOT_FOUND', message: /tensor "x" is / })
  })
})

describe('Float16Array', () => {
  const known: unknown = Reflect.get(globalThis, 'Float16Array')
  /** Of the same bits, and told by the same name, for a runtime that has none. */
  class Stand extends Uint16Array {}
  Object.defineProperty(Stand.prototype, Symbol.toStringTag, { get: () => 'Float16Array' })
  const made = (bits: Uint16Array): object => {
    const constructor: unknown = Reflect.get(globalThis, 'Float16Array')
    assert.ok(typeof constructor === 'function')
    const array: unknown = Reflect.construct(constructor, [bits.buffer])
    assert.ok(typeof array === 'object' && array !== null)
    return array
  }

  before(() => {
    if (known === undefined) Reflect.set(globalThis, 'Float16Array', Stand)
  })
  after(() => {
    if (known === undefined) Reflect.deleteProperty(globalThis, 'Float16Array')
  })

  it('is F16, and comes back where it stood alone', () => {
    const bits = Uint16Array.of(0x3c00, 0xc000)
    const array = made(bits)
    assert.equal(safetensorsCodec.matches(array), true)
    assert.deepEqual(toTensor(array), tensor(bits, [2], 'F16'))
    for (const value of [array, { a: array, b: Float32Array.of(1) }]) {
      assert.ok(safetensorsCodec.matches(value))
      assert.deepEqual(decoded(encoded(value)), value)
    }
    assert.equal(bareArray('BF16', bits), undefined)
    assert.deepEqual(decoded(encoded({ a: toTensor(array) })), { a: tensor(bits, [2], 'F16') })
  })

  it('comes back as a tensor of its bits where there is none', () => {
    const bytes = encoded(tensorsOnly(made(Uint16Array.of(0x3c00))))
    const constructor: unknown = Reflect.get(globalThis, 'Float16Array')
    Reflect.deleteProperty(globalThis, 'Float16Array')
    try {
      assert.equal(bareArray('F16', Uint16Array.of(1)), undefined)
      assert.deepEqual(decoded(bytes), { data: tensor(Uint16Array.of(0x3c00), [1], 'F16') })
    } finally {
      Object.defineProperty(globalThis, 'Float16Array', { value: constructor, writable: true, configurable: true })
    }
  })
})

function tensorsOnly(value: unknown): Parameters<typeof encoded>[0] {
  assert.ok(safetensorsCodec.matches(value))
  return value
}
