// Publishers: claiming, watching a folder, and what publishing tells of the files that this process wrote.

import assert from 'node:assert/strict'
import { appendFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, Path, type FolderEvent, type Mesh } from '../../client/index.ts'
import { fingerprint, WrittenFiles } from '../../client/written-files.ts'
import {
  FakeDaemon,
  fail,
  json,
  lines,
  LiveLines,
  PEER,
  problem,
  PROGRESS,
  SHARED,
  temporaryFolder,
  type Answers
} from './fake-daemon.ts'

function field(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null ? Object.entries(body).find(([key]) => key === name)?.[1] : undefined
}

describe('Publisher', () => {
  let daemon: FakeDaemon
  let mesh: Mesh

  const start = async (answers: Answers = {}): Promise<void> => {
    daemon = await FakeDaemon.start({
      work: (received, response) =>
        json({ work: 'train', origin: PEER, folder: join(daemon.folder, 'works', 'train') })(received, response),
      share: lines(SHARED),
      exists: json({ exists: false }),
      ...answers
    })
    mesh = await connect({ socket: daemon.socket })
  }
  afterEach(async () => {
    await mesh.close()
    await daemon.stop()
  })

  it('is claimed when its folder is asked for, and not when it is named', async () => {
    await start()
    const work = mesh.work('train')
    const path = work.path('a')
    assert.equal(daemon.bodies('work').length, 0)
    assert.equal(await work.folder(), join(daemon.folder, 'works/train'))
    await path.writeFile('x')
    for (const body of daemon.bodies('work')) assert.deepEqual(body, { name: 'train' })
    assert.ok(daemon.bodies('work').length >= 2)
    assert.throws(() => mesh.work('a/b'), { code: 'INVALID_ARGUMENT' })
  })

  it('is taken over once: it then stays where it goes', async () => {
    let refuse = true
    await start({
      work: (received, response) => {
        const answer = refuse
          ? fail('IO', 'the disk failed')
          : json({ work: 'train', origin: PEER, folder: daemon.folder })
        refuse = false
        return answer(received, response)
      }
    })
    const work = mesh.work('train', { takeOver: true })
    await assert.rejects(work.path('a').local, { code: 'IO' })
    await work.path('a').local
    await work.path('b').local
    const claim = { name: 'train', takeOver: true }
    assert.deepEqual(daemon.bodies('work'), [claim, claim, { name: 'train' }])
  })

  it('fails to write with WORK_IN_USE while another node is its home, and only then', async () => {
    await start({ work: fail('WORK_IN_USE', 'it lives on gpu-2: pass takeOver') })
    const path = mesh.work('train').path('a')
    await assert.rejects(path.writeFile('x'), { code: 'WORK_IN_USE' })
    await assert.rejects(path.publish(), { code: 'WORK_IN_USE' })
    assert.deepEqual([await path.exists(), await path.existsLocal()], [false, false])
  })

  it('claims nothing for what the daemon says exists', async () => {
    await start({ exists: json({ exists: true }) })
    const path = Path.from(mesh.work('train').path('a').toJSON(), mesh)
    assert.deepEqual([await path.exists(), await path.existsLocal()], [true, true])
    assert.equal(daemon.bodies('work').length, 0)
  })

  it('knows what was written here although nobody answers for the mesh', async () => {
    await start({ exists: fail('NOT_SYNCED', 'nobody answered') })
    const path = mesh.work('train').path('ckpt/').join('a')
    await assert.rejects(path.exists(), { code: 'NOT_SYNCED' })
    await path.writeFile('x')
    assert.equal(await path.exists(), true)
  })

  it('watches its folder: claims it, hands on what is wanted, and yields what becomes of it', async () => {
    const gone = problem('IO', 'the folder has vanished')
    const events = [
      { event: 'watching', path: '/works/train' },
      PROGRESS,
      { ...SHARED, event: 'published' },
      { event: 'retired', url: 'pathmesh://train/a', seq: 4 },
      { event: 'failed', path: '/works/train/b', error: gone },
      { event: 'paused', path: '/works/train', error: gone },
      { event: 'resumed', path: '/works/train' }
    ]
    const live = new LiveLines(...events)
    await start({ shareWatch: live.answer })
    const found: FolderEvent[] = []
    const work = mesh.work('train', { takeOver: true })
    for await (const event of work.watch({ settleMs: 50, marker: '_SUCCESS', exclude: ['*.log'] }))
      if (found.push(event) === events.length) break
    assert.deepEqual(
      found.map(event => ('error' in event ? { ...event, error: event.error.toProblem() } : event)),
      events
    )
    assert.deepEqual(daemon.bodies('work'), [{ name: 'train', takeOver: true }])
    assert.deepEqual(daemon.bodies('shareWatch'), [
      { work: 'train', exclude: ['**/.pathmesh-*.tmp', '*.log'], settleMs: 50, marker: '_SUCCESS' }
    ])
  })

  it('watches any other folder, under a checked name', async () => {
    await start({ shareWatch: lines({ event: 'watching', path: '/x' }, { event: 'error', error: problem('IO', 'e') }) })
    const read = async (as: string): Promise<void> => {
      for await (const _ of mesh.shareWatch(daemon.folder, { as, keep: 1, dereference: true })) continue
    }
    await assert.rejects(read('data/x'), { code: 'IO' })
    const [body] = daemon.bodies('shareWatch')
    assert.deepEqual(
      ['path', 'as', 'keep', 'dereference', 'work'].map(key => field(body, key)),
      [daemon.folder, 'data/x', 1, true, undefined]
    )
    assert.notEqual(field(body, 'seen'), undefined)
    await assert.rejects(read('data'), { code: 'INVALID_ARGUMENT' })
    assert.equal(daemon.bodies('shareWatch').length, 1)
  })

  it('says how many versions to keep, and which files it wrote by renaming', async () => {
    await start()
    const folder = mesh.work('train').path('ckpt/')
    await folder.join('a.bin').writeFile('a')
    await folder.join('deep/b.bin').writeFile('b')
    await writeFile(await folder.join('other.bin').local, 'by another tool')
    await mesh.work('train').path('ckpt2').writeFile('c', { keep: 3 })
    await folder.publish({ keep: 0 })
    const [alone, whole] = daemon.bodies('share')
    assert.deepEqual([field(alone, 'written'), field(alone, 'keep')], [[''], 3])
    assert.deepEqual([field(whole, 'written'), field(whole, 'keep')], [['deep/b.bin', 'a.bin'], 0])
  })

  it('does not speak for files that others replaced, wrote to or removed since', async () => {
    await start()
    const folder = mesh.work('train').path('ckpt/')
    for (const name of ['a', 'b', 'c', 'd']) await folder.join(name).writeFile(name)
    const at = async (name: string): Promise<string> => await folder.join(name).local
    await writeFile(`${await at('a')}.new`, 'a')
    await rename(`${await at('a')}.new`, await at('a'))
    await appendFile(await at('b'), 'more')
    await rm(await at('c'))
    await folder.publish()
    assert.deepEqual(field(daemon.bodies('share')[0], 'written'), ['d'])
    await rm(await at('d'))
    await folder.publish()
    assert.equal(field(daemon.bodies('share')[1], 'written'), undefined)
  })
})

describe('WrittenFiles', () => {
  it('names at most 1,000 files, the newest, and remembers 10,000', async () => {
    const folder = await temporaryFolder()
    try {
      const written = new WrittenFiles()
      const path = join(folder, 'a')
      await mkdir(join(folder, 'many'))
      await writeFile(path, '')
      written.note(path, fingerprint(await stat(path, { bigint: true })))
      assert.deepEqual(await written.within(path), [''])
      assert.deepEqual(await written.within(folder), ['a'])
      for (let index = 0; index < 1_000; index++) {
        const file = join(folder, 'many', String(index))
        await writeFile(file, '')
        written.note(file, fingerprint(await stat(file, { bigint: true })))
      }
      const named = await written.within(folder)
      assert.deepEqual([named.length, named[0], named.includes('a')], [1_000, 'many/999', false])
      assert.deepEqual(await written.within(path), [''])
      for (let index = 0; index < 8_999; index++) written.note(`/nowhere/${index}`, '')
      assert.deepEqual(await written.within(path), [''])
      written.note('/nowhere/else', '')
      assert.deepEqual(await written.within(path), [])
      assert.equal((await written.within(join(folder, 'many'))).length, 1_000)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
