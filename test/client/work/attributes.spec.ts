// Attributes of Works and Flows: what is state, what is refused and how, and that references keep their origin.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { Mesh } from '../../../client/mesh.ts'
import { Path } from '../../../client/path.ts'
import { Payload } from '../../../client/payload.ts'
import { Calls } from '../../../client/calls.ts'
import { Transport } from '../../../client/transport.ts'
import { Flow, flowInside, partsOf } from '../../../client/work/flow.ts'
import { adopt, stateOf, Work, workInside } from '../../../client/work/work.ts'
import { WORK_STATE_BYTES_MAX } from '../../../proto/limits.ts'

const PEER = 'k51qzi5uqu5dgutdk6i1ynyzgkqngpha5xpgia3a5qqp4jsh0u4csozksxel2r'
const OTHER = 'k51qzi5uqu5dkkciu33khkzbcmxtyhn376i1e83tya8kuy7z9euedzyr5nhoew'

class Train extends Work {
  checkpoints = new Path('checkpoints/')
  epoch = 0
  metrics: { loss: number[]; best?: Path } = { loss: [] }
  df: Payload | null = null
  anything: unknown = null
  _note: unknown = 'own'
  #secret = 1

  async run(by: number): Promise<number> {
    this.#secret += by
    return this.#secret
  }

  more(): number {
    return ++this.#secret
  }
}

class Deploy extends Work {
  model: Path

  constructor(model: Path) {
    super()
    this.model = model
  }

  async run(): Promise<void> {}
}

function attach(work: Work, { name = 'train', node = PEER } = {}): void {
  const inside = workInside(work)
  inside.work = name
  inside.node = node
  inside.mesh = new Mesh(new Calls(new Transport('/nowhere')), PEER)
  inside.home = Mesh.homeOf(inside.mesh)
}

describe('the attributes of a Work', () => {
  it('are its state, less those that begin with # and _', () => {
    const train = new Train()
    train.epoch = 3
    train.metrics = { loss: [1, 0.5] }
    assert.deepEqual(stateOf(train), {
      checkpoints: { $path: { path: 'checkpoints', kind: 'directory' } },
      epoch: 3,
      metrics: { loss: [1, 0.5] },
      df: null,
      anything: null
    })
    assert.equal(train.more(), 2)
  })

  it('may be changed in place, and removed', () => {
    const train = new Train()
    train.metrics.loss.push(7)
    assert.deepEqual(stateOf(train).metrics, { loss: [7] })
    assert.ok(Reflect.deleteProperty(train, 'metrics'))
    assert.ok(!('metrics' in stateOf(train)))
  })

  it('are told as they are set', () => {
    const train = new Train()
    const told: string[] = []
    workInside(train).onChange = key => told.push(key)
    train.epoch = 1
    train._note = 2
    train.anything = undefined
    assert.deepEqual(told, ['epoch', 'anything'])
    assert.equal(train.anything, null)
  })

  for (const [what, value] of Object.entries({
    'a function': () => 1,
    'an instance of a class': new (class Model {
      layers = 3
    })(),
    'a Map': new Map(),
    'a Date': new Date(0),
    bytes: new Uint8Array(3),
    'a bigint': 1n,
    NaN: Number.NaN,
    'a Work': new Train(),
    'something of it in a list': [{ deep: { model: new Set() } }]
  }))
    it(`refuse ${what}, keep what was there, and say what to do`, () => {
      const train = new Train()
      train.anything = 'before'
      assert.throws(
        () => (train.anything = value),
        (error: Error & { code?: string }) =>
          error.code === 'INVALID_ARGUMENT' &&
          error.message.includes('the attribute anything of Train') &&
          error.message.includes('Payload')
      )
      assert.equal(train.anything, 'before')
    })

  it('refuse a key __proto__, a cycle, and names of the class', () => {
    const train = new Train()
    const cycle: unknown[] = []
    cycle.push(cycle)
    assert.throws(() => (train.anything = cycle), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => (train.anything = JSON.parse('{"__proto__":1}')), { code: 'INVALID_ARGUMENT' })
    for (const key of ['run', 'with', 'more', 'toString'])
      assert.throws(() => Object.defineProperty(train, key, { value: 1, configurable: true }), /name of its class/)
  })

  it('are bounded in all', () => {
    const train = new Train()
    const empty = Buffer.byteLength(JSON.stringify(stateOf(train)))
    // "null" makes way for a text and its quotation marks.
    const room = WORK_STATE_BYTES_MAX - empty + 'null'.length - 2
    train.anything = 'x'.repeat(room)
    assert.equal(Buffer.byteLength(JSON.stringify(stateOf(train))), WORK_STATE_BYTES_MAX)
    train.anything = 'x'.repeat(room + 1)
    assert.throws(() => stateOf(train), { code: 'TOO_LARGE' })
  })
})

describe('a Path that is an attribute', () => {
  it('has the Work that it was first attached to as its origin, for ever, in lists and objects too', () => {
    const train = new Train()
    const best = new Path('best/model.bin')
    train.metrics = { loss: [], best }
    const deploy = new Deploy(train.checkpoints)
    const again = new Deploy(best)
    attach(train)
    attach(deploy, { name: 'deploy', node: OTHER })
    attach(again, { name: 'again', node: OTHER })
    assert.equal(deploy.model, train.checkpoints)
    assert.deepEqual([deploy.model.work, deploy.model.origin], ['train', PEER])
    assert.deepEqual([again.model.work, again.model.path], ['train', 'best/model.bin'])
    assert.deepEqual(stateOf(deploy).model, {
      $path: { work: 'train', origin: PEER, path: 'checkpoints', kind: 'directory' }
    })
  })

  it('keeps it in what is derived from it, before and after', () => {
    const train = new Train()
    const before = train.checkpoints.join('a.bin')
    attach(train)
    assert.deepEqual([before.work, before.path], ['train', 'checkpoints/a.bin'])
    assert.equal(train.checkpoints.join('b').parent?.work, 'train')
  })

  it('has no origin where it is none of a Work', () => {
    class Root extends Flow {
      path = new Path('nobodys/file')
      async run(): Promise<void> {}
    }
    const root = new Root()
    assert.equal(root.path.work, undefined)
    assert.equal(root.path.isAttached, false)
  })

  it('may be set to null and back', () => {
    const deploy = new Deploy(new Path('a'))
    const train = new Train()
    attach(train)
    attach(deploy, { name: 'deploy' })
    Reflect.set(deploy, 'model', null)
    assert.deepEqual(stateOf(deploy), { model: null })
    deploy.model = train.checkpoints
    assert.equal(deploy.model.work, 'train')
  })
})

describe('adopt()', () => {
  const reference = { $path: { work: 'other', origin: OTHER, path: 'x' } }

  it('turns references into Paths and Payloads of the mesh, nested ones too', () => {
    const train = new Train()
    attach(train)
    adopt(train, { epoch: 4, anything: { list: [reference, { $payload: { work: 'w', origin: OTHER, path: 'df' } }] } })
    assert.equal(train.epoch, 4)
    const { anything } = train
    assert.ok(typeof anything === 'object' && anything !== null && 'list' in anything && Array.isArray(anything.list))
    assert.ok(anything.list[0] instanceof Path && anything.list[1] instanceof Payload)
  })

  it('leaves the object where nothing changed: a live Path, a Payload that has its value', () => {
    const train = new Train()
    attach(train)
    const { checkpoints } = train
    train.df = new Payload([1])
    const { df } = train
    adopt(train, stateOf(train))
    assert.equal(train.checkpoints, checkpoints)
    assert.equal(train.df, df)
  })

  for (const key of ['_note', 'run', 'mesh', 'signal', 'constructor', '__proto__', 'toString'])
    it(`refuses ${key}, which is no attribute`, () => {
      const train = new Train()
      attach(train)
      assert.throws(() => adopt(train, Object.fromEntries([[key, 1]])), { code: 'INVALID_ARGUMENT' })
    })
})

describe('a Flow', () => {
  class Inner extends Flow {
    train = new Train()
    async run(): Promise<void> {}
  }
  class Root extends Flow {
    source = new Train()
    inner = new Inner()
    many = [new Train(), new Train()]
    named = { left: new Train() }
    rounds = 3
    anything: unknown = null
    async run(): Promise<void> {}
  }

  it('knows its Works and Flows by the attributes that lead to them', () => {
    const names = [...partsOf(new Root())].map(({ name, part }) => `${name} ${part.constructor.name}`)
    assert.deepEqual(names, [
      'source Train',
      'inner Inner',
      'inner.train Train',
      'many.0 Train',
      'many.1 Train',
      'named.left Train'
    ])
  })

  it('is told of one that is set later', () => {
    const root = new Root()
    let told = 0
    flowInside(root).onChange = () => told++
    root.anything = new Train()
    root.anything = null
    assert.equal(told, 2)
  })

  it('has state as a Work', () => {
    const root = new Root()
    assert.throws(() => (root.anything = () => 1), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => (root.anything = new Map()), /Payload/)
  })
})

describe('a Work outside an App', () => {
  it('has its own run(), no mesh, and is not called by a Flow', async () => {
    const train = new Train()
    assert.equal(await train.run(4), 5)
    assert.throws(() => train.mesh, /App/)
    await assert.rejects(train.with({}).run(1), /App/)
    assert.equal(train.signal.aborted, false)
  })
})
