// The folder of kept versions, and how one file comes there.

import assert from 'node:assert/strict'
import { lstat, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { diskCopier } from '../../../daemon/store/copy-file.ts'
import { Database, type Write } from '../../../daemon/store/database.ts'
import { removeTree } from '../../../daemon/store/disposal.ts'
import { FilePool } from '../../../daemon/store/file-pool.ts'
import { KeptFolder } from '../../../daemon/store/kept-folder.ts'
import { COPY_BYTES, KEPT_SERVED_MS } from '../../../proto/limits.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { failsWith, temporaryFolder } from '../../helpers/trees.ts'

const random = new Seeded('kept folder')
const never = new AbortController().signal

describe('KeptFolder', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let database: Database
  let clock: ManualClock
  let kept: KeptFolder
  let reflink: typeof diskCopier.reflink

  const discard = async (path: string, writes: readonly Write[]) => {
    await database.commit(writes)
    await removeTree(path)
  }
  const intents = () => database.table<true>('stages').keys().all()

  beforeEach(async () => {
    folder = await temporaryFolder()
    database = await Database.open(folder.path)
    clock = new ManualClock()
    reflink = async () => false
    const copier = { ...diskCopier, reflink: (from: string, to: string) => reflink(from, to) }
    kept = new KeptFolder({ database, data: folder.path, clock, random: () => random.next(), copier, discard })
    await kept.open()
  })

  afterEach(async () => {
    await database.close()
    await folder.remove()
  })

  it('notes a version before it makes a folder for it', async () => {
    const commit = database.commit.bind(database)
    let made: string[] | undefined
    database.commit = async writes => {
      made = await readdir(kept.path)
      await commit(writes)
    }
    const stage = await kept.begin('name')
    assert.deepEqual(made, [])
    assert.deepEqual(await intents(), [stage.id])
    assert.equal(stage.path, join(kept.path, stage.id, 'name'))
    assert.equal((await stat(stage.folder)).mode & 0o777, 0o700)
  })

  it('removes what was begun and not finished when it is opened, and what a probe left', async () => {
    const [begun, finished] = [await kept.begin('one'), await kept.begin('two')]
    await mkdir(begun.path)
    await database.commit([kept.finished(finished)])
    await writeFile(join(kept.path, '.probe'), 'left')
    await kept.open()
    assert.deepEqual(await readdir(kept.path), [finished.id])
    assert.deepEqual(await intents(), [])
  })

  it('canReflink() tries, leaves nothing, and tries one at a time', async () => {
    const from = join(folder.path, 'file')
    await writeFile(from, 'bytes')
    assert.equal(await kept.canReflink(from), false)
    let running = 0
    reflink = async (_, to) => {
      assert.equal(++running, 1)
      await assert.rejects(lstat(to))
      await writeFile(to, 'shared')
      running--
      return true
    }
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => kept.canReflink(from))), [true, true, true])
    assert.deepEqual(await readdir(kept.path), [])
  })

  it('canReflink() is not stuck by an attempt that failed', async () => {
    reflink = async () => {
      throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    }
    await assert.rejects(kept.canReflink('/any'), failsWith('NO_SPACE'))
    reflink = async () => true
    assert.equal(await kept.canReflink('/any'), true)
  })

  it('remembers for a while that a file of a version was read', async () => {
    const path = join(kept.path, 'id', 'name')
    assert.equal(kept.isRead(path), false)
    kept.read(join(path, 'deep', 'file'))
    assert.equal(kept.isRead(path), true)
    assert.equal(kept.isRead(join(kept.path, 'id2', 'name')), false)
    await clock.advance(KEPT_SERVED_MS)
    assert.equal(kept.isRead(path), false)
    kept.read(path)
    kept.forget(path)
    assert.equal(kept.isRead(path), false)
  })
})

describe('diskCopier', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => (folder = await temporaryFolder()))
  afterEach(() => folder.remove())
  const at = (name: string) => join(folder.path, name)

  for (const size of [0, 1, COPY_BYTES - 1, COPY_BYTES, COPY_BYTES + 1, 3 * COPY_BYTES]) {
    it(`copies ${size} bytes`, async () => {
      const bytes = random.bytes(size)
      await writeFile(at('from'), bytes)
      let told = 0
      await diskCopier.copy(at('from'), at('to'), { signal: never, onBytes: n => (told += n) })
      assert.ok((await readFile(at('to'))).equals(bytes))
      assert.equal(told, size)
    })
  }

  it('leaves holes', async () => {
    const bytes = Buffer.alloc(3 * COPY_BYTES)
    bytes.fill('x', COPY_BYTES, COPY_BYTES + 1)
    await writeFile(at('from'), bytes)
    await diskCopier.copy(at('from'), at('to'), { signal: never, onBytes: () => undefined })
    assert.ok((await readFile(at('to'))).equals(bytes))
    const [from, to] = [await stat(at('from')), await stat(at('to'))]
    assert.ok(to.blocks < from.blocks, `${to.blocks} blocks of ${from.blocks}`)
  })

  it('never writes over a file, and stops when told to', async () => {
    await writeFile(at('from'), 'bytes')
    await writeFile(at('to'), 'there')
    const options = { signal: never, onBytes: () => undefined }
    await assert.rejects(diskCopier.copy(at('from'), at('to'), options), failsWith('EEXIST'))
    await assert.rejects(diskCopier.reflink(at('from'), at('to')), failsWith('EEXIST'))
    assert.equal(await readFile(at('to'), 'utf8'), 'there')
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(diskCopier.copy(at('from'), at('new'), { ...options, signal }), /enough/)
  })

  it('reflink() shares, or says that it cannot and leaves nothing', async () => {
    await writeFile(at('from'), 'bytes')
    const can = await diskCopier.reflink(at('from'), at('to'))
    assert.deepEqual((await readdir(folder.path)).sort(), can ? ['from', 'to'] : ['from'])
    if (can) assert.equal(await readFile(at('to'), 'utf8'), 'bytes')
  })
})

describe('FilePool', () => {
  it('link() gives files another name, and has undefined for those that cannot be linked', async () => {
    const folder = await temporaryFolder()
    const pool = new FilePool()
    try {
      const at = (name: string) => join(folder.path, name)
      await writeFile(at('from'), 'bytes')
      const [missing, linked, taken] = await pool.link([
        { from: at('missing'), to: at('to') },
        { from: at('from'), to: at('to') },
        { from: at('from'), to: at('to') }
      ])
      assert.deepEqual([missing, taken], [undefined, undefined])
      assert.equal(linked?.ino, (await stat(at('from'), { bigint: true })).ino)
    } finally {
      await pool.close()
      await folder.remove()
    }
  })
})
