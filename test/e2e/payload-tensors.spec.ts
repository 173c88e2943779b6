// A model's weights from node to node: all of them, and one of them without the others.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'mocha'
import { type Mesh, type Payload, tensor, type Tensor } from '../../client/index.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { failsWith } from '../helpers/trees.ts'

const MiB = 1024 * 1024
const TENSORS = 50
/** Of one tensor: 1 GiB in all where somebody asks for it. */
const TENSOR_BYTES = process.env['PATHMESH_LARGE'] === '1' ? Math.ceil(2 ** 30 / TENSORS / 4096) * 4096 : MiB

type State = Record<string, Tensor>

/** Float32 numbers that differ from tensor to tensor, and are no NaN. */
function weights(seed: number): Float32Array {
  const array = new Float32Array(TENSOR_BYTES / 4)
  let next = seed + 1
  for (let i = 0; i < array.length; i++) {
    next = (Math.imul(next, 1_664_525) + 1_013_904_223) | 0
    array[i] = next / 2 ** 31
  }
  return array
}

const same = (one: ArrayBufferView, other: ArrayBufferView): boolean =>
  Buffer.from(one.buffer, one.byteOffset, one.byteLength).equals(
    Buffer.from(other.buffer, other.byteOffset, other.byteLength)
  )

describe('the weights of a model', function () {
  this.timeout(300_000)
  let scene: Scene
  let [a, b]: Daemon[] = []
  let there: Mesh | undefined
  let text = ''
  const names = Array.from({ length: TENSORS }, (_, i) => `layers.${i}.weight`)
  const shape = [16, TENSOR_BYTES / 64]

  before(async () => {
    scene = await Scene.open()
    ;[a, b] = await scene.mesh('a', 'b')
    there = await scene.connect(must(b))
    await using here = await must(a).connect()
    const state = Object.fromEntries(names.map((name, i) => [name, tensor(weights(i), shape)]))
    text = JSON.stringify(await here.put('model/weights', state))
  })
  after(() => scene.close())

  const payload = (): Payload<State> => must(there).payload<State>(JSON.parse(text))
  const received = async (): Promise<number> => {
    const peer = (await must(b).peers()).find(({ peerId }) => peerId === must(a).peerId)
    return must(peer).bytesIn
  }
  const whole = TENSORS * TENSOR_BYTES

  it('are one reference of some hundred bytes', () => {
    assert.ok(text.length < 500, text)
    assert.match(text, /"codec":"safetensors"/)
  })

  it('are read one by one, and by rows, without the others', async () => {
    const before = await received()
    const file = await payload().tensors()
    assert.deepEqual([...file.names].sort(), [...names].sort())
    assert.deepEqual(file.info('layers.7.weight'), { dtype: 'F32', shape, bytes: TENSOR_BYTES })
    const seventh = await file.get('layers.7.weight')
    assert.deepEqual([seventh.dtype, seventh.shape], ['F32', shape])
    assert.ok(same(seventh.data, weights(7)))
    const rows = await file.slice('layers.31.weight', 2, 5)
    const rowLength = TENSOR_BYTES / 64
    assert.deepEqual(rows.shape, [3, rowLength])
    assert.ok(same(rows.data, weights(31).subarray(2 * rowLength, 5 * rowLength)))
    await assert.rejects(file.get('layers.50.weight'), failsWith('NOT_FOUND', /layers\.5/))
    const bytes = (await received()) - before
    assert.ok(bytes >= TENSOR_BYTES, `${bytes} bytes came for a tensor of ${TENSOR_BYTES}`)
    assert.ok(bytes < whole / 4, `${bytes} of ${whole} bytes came for one tensor and three rows`)
    assert.equal(await payload().existsLocal(), false)
  })

  it('arrive as they were, all of them', async () => {
    const got = payload()
    const state = await got.get()
    assert.deepEqual(Object.keys(state).sort(), [...names].sort())
    for (const [i, name] of names.entries()) {
      const { dtype, shape: found, data } = must(state[name])
      assert.deepEqual([dtype, found], ['F32', shape])
      assert.ok(data instanceof Float32Array && same(data, weights(i)), name)
    }
    assert.equal(await got.existsLocal(), true)
  })

  it('are read one by one from the copy that is here, and nothing more comes', async () => {
    await payload().fetch()
    const before = await received()
    const file = await payload().tensors()
    assert.ok(same((await file.get('layers.49.weight')).data, weights(49)))
    assert.ok((await received()) - before < TENSOR_BYTES / 4)
  })

  it('are CORRUPT where a Payload is no state of tensors', async () => {
    await must(there).put('model/other', { a: 1 })
    await assert.rejects(must(there).payload('model/other').tensors(), failsWith('CORRUPT'))
    await must(there).put('model/none', new Uint8Array())
    await assert.rejects(must(there).payload('model/none').tensors(), failsWith('CORRUPT'))
  })
})
