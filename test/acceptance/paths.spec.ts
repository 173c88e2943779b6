// What people who come from Lightning's Paths rely on, of Paths as values: whose they are survives every calculation, copy and
// form. Each test names the tests of Lightning that it has its intent from. No daemon: a value asks nobody.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { Flow, Path, type PathJson, Work } from '../../client/index.ts'
import { failsWith } from '../helpers/trees.ts'

const NODE = 'gpu-1'
const OTHER = 'gpu-2'

const of = (work: string, origin: string, path: string, more: { kind?: 'directory' } = {}): Path =>
  Path.from({ $path: { work, origin, path, ...more } })

class Source extends Work {
  out = new Path('out/')
  best: Path | null = null

  async run(): Promise<void> {}
}

class Holder extends Flow {
  given: Path | null = null
  source = new Source()

  async run(): Promise<void> {}
}

describe('a Path', () => {
  // test_path_instantiation, test_path_instantiation_lit
  it('is made of one text; of a reference by its URL or JSON; and of two origins never', () => {
    assert.equal(new Path('a/b.txt').toString(), 'a/b.txt')
    const train = of('train', NODE, 'a/b.txt')
    for (const other of [of('train', OTHER, 'a'), of('deploy', NODE, 'a'), new Path('a')]) {
      assert.throws(() => train.relativeTo(other), TypeError)
      assert.throws(() => Reflect.apply(train.join.bind(train), undefined, [other]), TypeError)
    }
    assert.throws(() => Reflect.construct(Path, ['pathmesh://train/a']), failsWith('INVALID_ARGUMENT', /mesh\.path/))
    assert.throws(() => Path.from('train/a'), failsWith('INVALID_ARGUMENT'))
  })

  // test_path_inheritance, test_path_concatenation, test_path_with_replacement, test_path_with_stem_replacement
  it('stays a Path of its work and node in every calculation', () => {
    const path = of('train', NODE, 'runs/7/model.bin')
    const made = [
      path.join('x'),
      path.join('x/', 'y'),
      path.withBasename('model.tar.gz'),
      path.withBasename(`other${path.extname}`),
      path.parent?.join('log.txt'),
      path.at(3),
      Path.from(path.toJSON())
    ]
    for (const one of made) {
      assert.ok(one instanceof Path)
      assert.deepEqual([one.work, one.origin], ['train', NODE])
    }
    assert.deepEqual(
      made.slice(0, 5).map(one => one?.path),
      ['runs/7/model.bin/x', 'runs/7/model.bin/x/y', 'runs/7/model.tar.gz', 'runs/7/other.bin', 'runs/7/log.txt']
    )
    assert.equal(path.relativeTo(of('train', NODE, 'runs')), '7/model.bin')
  })

  // test_path_parents
  it('has its work and node in all that it lies in', () => {
    const parents: Path[] = []
    for (let at = of('train', NODE, 'a/b/c/d').parent; at !== undefined; at = at.parent) parents.push(at)
    assert.deepEqual(
      parents.map(({ work, origin, path }) => [work, origin, path]),
      ['a/b/c', 'a/b', 'a'].map(path => ['train', NODE, path])
    )
  })

  // test_path_hash
  it('is identified by work, node, path and version; not by who holds it, and by nothing before it is of a Work', () => {
    const path = of('train', NODE, 'model.bin')
    const same = JSON.parse(JSON.stringify({ held: path }), Path.reviver).held
    assert.ok(same instanceof Path && same.equals(path) && same.toString() === path.toString())
    const others = [
      of('train', OTHER, 'model.bin'),
      of('deploy', NODE, 'model.bin'),
      of('train', NODE, 'model'),
      path.at(1),
      new Path('model.bin')
    ]
    for (const other of others) assert.ok(!path.equals(other), other.toString())
    assert.throws(() => new Path('model.bin').ref, TypeError)
  })

  // test_path_copy, test_path_pickleable, test_path_json_serializable, test_path_to_dict_from_dict
  it('is the same after JSON, wherever it stands, without its mesh', async () => {
    const state = { epoch: 3, best: of('train', NODE, 'runs/7', { kind: 'directory' }), all: [new Path('logs/')] }
    const text = JSON.stringify(state)
    const form: { best: PathJson } = JSON.parse(text)
    assert.deepEqual(form.best, { $path: { work: 'train', origin: NODE, path: 'runs/7', kind: 'directory' } })
    const back = JSON.parse(text, Path.reviver)
    assert.equal(JSON.stringify(back), text)
    assert.deepEqual([back.best.work, back.best.origin, back.best.directory], ['train', NODE, true])
    assert.ok(back.all[0] instanceof Path && !back.all[0].isAttached)
    await assert.rejects(back.best.stat(), { name: 'TypeError', message: /belongs to no mesh/ })
  })

  // test_path_in_flow_and_work, test_flow_path_assignment, test_work_path_assignment, test_convert_paths_after_init
  it('is of the Work whose attribute it first was, and of nobody in a Flow; either may be set anew', () => {
    const flow = new Holder()
    const [first, second] = [new Path('first'), new Path('second')]
    flow.given = first
    flow.given = second
    assert.deepEqual([flow.given.isAttached, first.isAttached], [false, false])
    assert.equal(flow.source.out.isAttached, true)
    flow.source.best = second
    assert.deepEqual([flow.given.isAttached, first.isAttached], [true, false])
    flow.source.best = first
    assert.ok(flow.source.best.isAttached)
  })

  // test_flow_state_change_with_path
  it('comes and goes in the state of a Flow', () => {
    const flow = new Holder()
    flow.given = of('train', NODE, 'a')
    assert.equal(flow.given.work, 'train')
    flow.given = null
    assert.equal(flow.given, null)
    assert.ok('given' in flow)
  })
})
