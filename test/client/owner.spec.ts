// Paths that are made without a work: what they can do before they are attached, and whose they are from then on.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { afterEach, describe, it } from 'mocha'
import { Calls } from '../../client/calls.ts'
import { connect, Path, type Mesh } from '../../client/index.ts'
import type { Owner } from '../../client/owner.ts'
import type { PathHome } from '../../client/path.ts'
import { Transport } from '../../client/transport.ts'
import { WrittenFiles } from '../../client/written-files.ts'
import { CID, FakeDaemon, json, lines, PEER, SHARED, type Answers } from './fake-daemon.ts'

const NOBODY: Owner = { work: undefined, node: undefined, home: undefined }
const TRAIN: Owner = { work: 'train', node: 'n', home: undefined }

/** As `owner`, once it is known. */
class LateOwner implements Owner {
  owner = NOBODY

  get work(): string | undefined {
    return this.owner.work
  }

  get node(): string | undefined {
    return this.owner.node
  }

  get home(): PathHome | undefined {
    return this.owner.home
  }
}

function attached(text: string, owner = TRAIN): Path {
  const path = new Path(text)
  path.attach(owner)
  return path
}

describe('a Path without a work', () => {
  it('is a relative path that can be published, and nothing else', () => {
    for (const text of ['a', 'a/b.txt', 'checkpoints/', 'é/%41?x', 'file:a', 'w@n/a']) {
      const path = new Path(text)
      assert.equal(path.toString(), text)
      assert.deepEqual([path.path, path.directory], [text.replace(/\/$/, ''), text.endsWith('/')])
    }
    const bad = ['', '/', '.', './', '..', 'a/../b', 'a//b', 'a//', 'a\n', 'a\0', 'e\u0301', '\ud800', 'x'.repeat(2000)]
    for (const text of bad) assert.throws(() => new Path(text), { code: 'INVALID_ARGUMENT' }, JSON.stringify(text))
    for (const text of ['/tmp/a', 'pathmesh://train/a', `ipfs://${CID}`, 'file:///a'])
      assert.throws(
        () => new Path(text),
        { code: 'INVALID_ARGUMENT', message: /mesh\.path\(…\) takes references/ },
        text
      )
  })

  it('is a value: named, calculated with, shown', () => {
    const path = new Path('a/b.tar.gz')
    assert.deepEqual([path.work, path.origin, path.version, path.isAttached], [undefined, undefined, undefined, false])
    assert.deepEqual([path.basename, path.extname, path.parent?.path], ['b.tar.gz', '.gz', 'a'])
    assert.equal(new Path('a').parent, undefined)
    assert.equal(path.withBasename('c/').toString(), 'a/c/')
    assert.equal(new Path('a/').join('b', 'c/').toString(), 'a/b/c/')
    assert.equal(new Path('a/').join('b').parent?.directory, true)
    assert.throws(() => path.join('..'), { code: 'INVALID_ARGUMENT', message: /part 3 of its path is "\.\."/ })
    assert.ok(path.equals(new Path('a/b.tar.gz')))
    assert.ok(!path.equals(attached('a/b.tar.gz')))
    assert.equal(String(path), 'a/b.tar.gz')
    assert.equal(inspect({ at: new Path('checkpoints/') }), '{ at: Path(checkpoints/, of no Work yet) }')
  })

  it('has no reference and asks nothing, and says what to do', async () => {
    const path = new Path('a/')
    const wanted = { name: 'TypeError', message: /^a\/ belongs to no Work yet: .*attribute.*mesh\.path\(/ }
    assert.throws(() => path.ref, wanted)
    assert.throws(() => path.at(1), wanted)
    assert.throws(() => path.watch(), wanted)
    assert.throws(() => path.providers(), wanted)
    assert.throws(() => path.createReadStream(), wanted)
    assert.throws(() => path.createWriteStream(), wanted)
    for (const ask of [
      () => path.exists(),
      () => path.stat(),
      () => path.get(),
      () => path.list().next(),
      () => path.local,
      () => path.publish(),
      () => path.writeFile('x'),
      () => path.waitFor()
    ])
      await assert.rejects(ask(), wanted)
  })

  it('mixes with none of another attachment', () => {
    const path = new Path('a/b')
    assert.equal(path.relativeTo(path.parent ?? path), 'b')
    for (const base of [new Path('a'), attached('a')]) {
      assert.throws(() => path.relativeTo(base), TypeError)
      assert.throws(() => base.relativeTo(path), TypeError)
    }
    assert.throws(() => attached('a/b').relativeTo(attached('a', { ...TRAIN, work: 'other' })), TypeError)
    assert.equal(attached('a/b').relativeTo(attached('a')), 'b')
  })
})

describe('attach()', () => {
  it('makes it its owner’s, with all that was and will be derived from it, once and for ever', () => {
    const path = new Path('a/')
    const before = path.join('b')
    before.attach(TRAIN)
    path.attach({ ...TRAIN, work: 'other' })
    for (const one of [path.join('b'), before, before.withBasename('b'), before.parent?.join('b')]) {
      assert.deepEqual(one?.ref, { type: 'name', work: 'train', node: 'n', path: 'a/b', directory: false })
      assert.equal(one.isAttached, true)
      assert.ok(one.equals(before))
    }
    assert.deepEqual([path.work, path.origin, path.version], ['train', 'n', undefined])
    assert.equal(path.ref.type === 'name' && path.ref.directory, true)
    assert.equal(before.relativeTo(path), 'b')
    assert.equal(inspect(path), 'Path(pathmesh://train@n/a/)')
    assert.equal(path.at(3).join('b').toString(), 'pathmesh://train@n/a/b?version=3')
    assert.throws(() => path.at(3).relativeTo(path), TypeError)
  })

  it('waits for what its owner does not know yet', async () => {
    const owner = new LateOwner()
    const path = attached('a', owner)
    assert.equal(path.isAttached, true)
    assert.equal(path.toString(), 'a')
    assert.deepEqual(path.toJSON(), { $path: { path: 'a' } })
    await assert.rejects(path.stat(), TypeError)
    owner.owner = { ...NOBODY, work: 'train' }
    assert.deepEqual(path.ref, { type: 'name', work: 'train', path: 'a', directory: false })
    await assert.rejects(path.stat(), { name: 'TypeError', message: /belongs to no mesh/ })
    owner.owner = TRAIN
    assert.deepEqual(path.toJSON(), { $path: { work: 'train', origin: 'n', path: 'a' } })
    owner.owner = { ...TRAIN, work: 'a/b' }
    assert.throws(() => path.ref, { code: 'INVALID_ARGUMENT' })
  })

  it('does nothing to a Path that has a work, or is content', () => {
    for (const path of [
      Path.from({ $path: { work: 'w', path: 'a' } }),
      Path.from({ $path: { cid: CID, path: 'a' } })
    ]) {
      const text = path.toString()
      assert.equal(path.isAttached, true)
      path.attach(TRAIN)
      assert.equal(path.toString(), text)
    }
  })
})

describe('a Path that was attached', () => {
  let daemon: FakeDaemon
  let mesh: Mesh
  let calls: Calls

  const start = async (answers: Answers = {}): Promise<PathHome> => {
    daemon = await FakeDaemon.start({ share: lines(SHARED), exists: json({ exists: true }), ...answers })
    mesh = await connect({ socket: daemon.socket })
    calls = new Calls(new Transport(daemon.socket, { startHint: 'pathmesh up' }))
    return {
      calls,
      peerId: PEER,
      written: new WrittenFiles(),
      folder: async work => join(daemon.folder, 'works', work)
    }
  }
  afterEach(async () => {
    calls.close()
    await mesh.close()
    await daemon.stop()
  })

  it('asks the mesh of its owner', async () => {
    const home = await start()
    const path = attached('a/', { ...TRAIN, home }).join('b')
    assert.equal(await path.exists(), true)
    assert.equal(daemon.received.at(-1)?.query.get('ref'), 'pathmesh://train@n/a/b')
    await assert.rejects(path.writeFile('x'), { code: 'NOT_ORIGIN' })
    assert.equal(await mesh.path(attached('a')).exists(), true)
  })

  it('is written where its owner is of this node', async () => {
    const home = await start()
    const folder = attached('a/', { work: 'train', node: PEER, home })
    await folder.join('b').writeFile('x')
    assert.equal(daemon.bodies('share').length, 0)
    assert.equal(await folder.join('b').local, join(daemon.folder, 'works/train/a/b'))
    await folder.publish()
    await attached('c', { work: 'train', node: PEER, home }).writeFile('x')
    assert.equal(daemon.bodies('share').length, 2)
  })

  it('or is yet to be, is handed through a mesh and revived', async () => {
    const home = await start()
    const path = new Path('a/')
    assert.equal(mesh.path(path).isAttached, false)
    const state: unknown = JSON.parse(JSON.stringify({ at: path }), mesh.reviver)
    assert.ok(typeof state === 'object' && state !== null && 'at' in state && state.at instanceof Path)
    assert.equal(state.at.isAttached, false)
    mesh.path(path).attach({ ...TRAIN, home })
    state.at.attach({ work: 'other', node: 'n', home })
    assert.deepEqual([String(path), String(state.at)], ['pathmesh://train@n/a/', 'pathmesh://other@n/a/'])
    assert.equal(await state.at.exists(), true)
    assert.throws(() => mesh.payload(new Path('a')), TypeError)
  })
})

describe('any path', () => {
  const segment = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
    .map(text => text.normalize('NFC'))
    .filter(text => !/[/\p{Cc}]/u.test(text) && text !== '.' && text !== '..' && text.isWellFormed())
  const path = fc
    .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([parts, isDirectory]) => `${parts.join('/')}${isDirectory ? '/' : ''}`)

  it('goes through JSON and back before it is attached', () => {
    fc.assert(
      fc.property(path, text => {
        const given = new Path(text)
        const written = JSON.stringify(given)
        for (const back of [JSON.parse(written, Path.reviver), Path.from(JSON.parse(written))] as unknown[]) {
          assert.ok(back instanceof Path)
          assert.deepEqual([back.toString(), back.isAttached, JSON.stringify(back)], [text, false, written])
          assert.ok(back.equals(given))
          back.attach(TRAIN)
          assert.equal(given.isAttached, false)
          assert.deepEqual(back.ref, attached(text).ref)
        }
      })
    )
  })

  it('is calculated with as if it were attached', () => {
    const outcome = (make: () => Path | undefined): unknown => {
      try {
        const made = make()
        return made === undefined ? undefined : [made.path, made.directory, made.basename, made.extname]
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error)
        return error.code
      }
    }
    const more = fc.oneof(path, fc.constantFrom('', '.', '../a', '/a', 'a//b', 'a\n'))
    fc.assert(
      fc.property(path, more, (text, next) => {
        const loose = new Path(text)
        const kind = loose.directory ? { kind: 'directory' } : {}
        const usual = Path.from({ $path: { work: 'w', path: loose.path, ...kind } })
        for (const change of [
          (one: Path) => one.join(next),
          (one: Path) => one.parent,
          (one: Path) => one.withBasename(next),
          (one: Path) => one.join('x').parent?.withBasename('y/')
        ])
          assert.deepEqual(
            outcome(() => change(loose)),
            outcome(() => change(usual))
          )
        assert.equal(loose.join('x', text).relativeTo(loose), usual.join('x', text).relativeTo(usual))
      })
    )
  })
})
