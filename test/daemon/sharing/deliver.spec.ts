// Content at a user's destination: all of it or nothing, never where it must not go, and nothing left beside it by a crash.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Hasher } from '../../../daemon/content/hasher.ts'
import { silentLog } from '../../../daemon/log.ts'
import { type Delivery, Deliveries } from '../../../daemon/sharing/deliver.ts'
import { put } from '../../../daemon/store/database.ts'
import { LEAF_BYTES } from '../../../proto/limits.ts'
import { Seeded } from '../../helpers/seeded.ts'
import { type OpenStore, holdManaged, openStore, sizeOf } from '../../helpers/stores.ts'
import { type Tree, directory, failsWith, file, link, temporaryFolder } from '../../helpers/trees.ts'

const random = new Seeded('deliver')
const never = new AbortController().signal
const large = random.bytes(2 * LEAF_BYTES + 9)
large.fill(0, 0, LEAF_BYTES)
const tree = directory({
  a: directory({ small: file('small') }),
  empty: directory({}),
  large: file(large),
  link: link('a/small'),
  run: file('run', true)
})

describe('Deliveries', () => {
  let opened: OpenStore
  let hasher: Hasher
  let deliveries: Deliveries
  let place: Awaited<ReturnType<typeof temporaryFolder>>
  let to: string
  let count = 0

  const open = async () => {
    const { database, pool } = opened.store
    const unique = () => `u${++count}`
    deliveries = new Deliveries({
      database,
      pool,
      hasher,
      data: opened.data,
      home: join(place.path, 'home'),
      unique,
      log: silentLog
    })
    await deliveries.open()
  }

  beforeEach(async () => {
    opened = await openStore()
    place = await temporaryFolder()
    to = join(place.path, 'to', 'here')
    await mkdir(join(place.path, 'to'))
    await mkdir(join(place.path, 'home'))
    hasher = new Hasher({ threads: 1 })
    await open()
  })

  afterEach(async () => {
    await hasher.close()
    await opened.remove()
    await place.remove()
  })

  const held = async (content: Tree): Promise<Delivery> => {
    const { root, path } = await holdManaged(opened.store, content)
    const kind = content.kind === 'directory' ? 'directory' : 'file'
    return { root, kind, size: sizeOf(content), from: path, branches: opened.store.blocks }
  }
  const deliver = async (content: Tree, more: { overwrite?: boolean; at?: string; cwd?: string } = {}) =>
    deliveries.deliver(await held(content), more.at ?? to, {
      overwrite: more.overwrite ?? false,
      cwd: more.cwd,
      signal: never,
      onBytes: () => undefined
    })
  const beside = () => readdir(join(place.path, 'to'))

  it('writes a tree as an ordinary one, writable, with nothing beside it', async () => {
    await deliver(tree)
    assert.deepEqual((await readdir(to)).sort(), ['a', 'empty', 'large', 'link', 'run'])
    assert.ok((await readFile(join(to, 'large'))).equals(large))
    assert.equal(await readlink(join(to, 'link')), 'a/small')
    const umask = process.umask()
    assert.equal((await stat(join(to, 'run'))).mode & 0o777, 0o777 & ~umask)
    assert.equal((await stat(join(to, 'a/small'))).mode & 0o777, 0o666 & ~umask)
    assert.equal((await stat(to)).mode & 0o777, 0o777 & ~umask)
    assert.ok((await stat(join(to, 'large'))).blocks * 512 < 2 * LEAF_BYTES, 'the hole was filled')
    assert.deepEqual(await beside(), ['here'])
  })

  it('refuses what exists, unless it may be overwritten', async () => {
    await deliver(file('first'))
    await assert.rejects(deliver(file('second')), failsWith('ALREADY_EXISTS', /--overwrite/))
    assert.equal(await readFile(to, 'utf8'), 'first')
    await deliver(file('second'), { overwrite: true })
    assert.equal(await readFile(to, 'utf8'), 'second')
    assert.deepEqual(await beside(), ['here'])
  })

  it('replaces a directory only if pathmesh wrote it and nothing in it changed', async () => {
    await deliver(tree)
    await deliver(directory({ b: file('b') }), { overwrite: true })
    assert.deepEqual(await readdir(to), ['b'])
    await deliver(file('a file now'), { overwrite: true })
    await deliver(tree, { overwrite: true })
    assert.deepEqual((await readdir(to)).length, 5)
    for (const change of [
      () => writeFile(join(to, 'mine'), 'new'),
      () => chmod(join(to, 'a/small'), 0o755),
      () => utimes(join(to, 'a/small'), 1, 1)
    ]) {
      await change()
      await assert.rejects(deliver(tree, { overwrite: true }), failsWith('ALREADY_EXISTS', /changed since/))
    }
    const own = join(place.path, 'to', 'own')
    await mkdir(own)
    await assert.rejects(deliver(tree, { overwrite: true, at: own }), failsWith('ALREADY_EXISTS', /did not write/))
    assert.deepEqual((await beside()).sort(), ['here', 'own'])
  })

  it('never replaces the root, a home, a working directory or what is above one', async () => {
    const home = join(place.path, 'home')
    for (const [at, cwd] of [
      ['/', undefined],
      [home, undefined],
      [place.path, undefined],
      [to, to],
      [to, join(to, 'deeper')],
      [process.cwd(), undefined]
    ] as const) {
      const admitted = deliveries.admit(at, { overwrite: true, cwd })
      await assert.rejects(admitted, failsWith('DENIED', /never replaced/), at)
    }
    await deliveries.admit(join(home, 'file'), { overwrite: true, cwd: home })
  })

  it('writes nothing into the data folder, nor around it', async () => {
    for (const at of [opened.data, join(opened.data, 'content', 'x'), opened.folder])
      await assert.rejects(deliveries.admit(at, { overwrite: true, cwd: undefined }), failsWith('DENIED'))
  })

  it('replaces a link and not what it points to, and no device or FIFO at all', async () => {
    const outside = join(place.path, 'outside')
    await writeFile(outside, 'outside')
    await symlink(outside, to)
    await assert.rejects(deliver(file('new')), failsWith('ALREADY_EXISTS'))
    await deliver(file('new'), { overwrite: true })
    assert.equal(await readFile(outside, 'utf8'), 'outside')
    assert.ok((await lstat(to)).isFile())
    const fifo = join(place.path, 'to', 'fifo')
    execFileSync('mkfifo', [fifo])
    await assert.rejects(deliver(file('new'), { overwrite: true, at: fifo }), failsWith('DENIED', /neither/))
  })

  it('says which folder is missing', async () => {
    const at = join(place.path, 'nowhere', 'file')
    await assert.rejects(deliver(file('x'), { at }), failsWith('NOT_FOUND', /make it first/))
  })

  it('refuses a source that is not what its root says, and leaves nothing', async () => {
    const delivery = await held(file('what it should be'))
    await chmod(delivery.from, 0o644)
    await writeFile(delivery.from, 'something else!!!')
    const options = { overwrite: false, cwd: undefined, signal: never, onBytes: () => undefined }
    await assert.rejects(deliveries.deliver(delivery, to, options), failsWith('SOURCE_CHANGED'))
    assert.deepEqual(await beside(), [])
  })

  it('leaves nothing when it is cancelled', async () => {
    const gone = new AbortController()
    const delivery = await held(tree)
    const options = {
      overwrite: false,
      cwd: undefined,
      signal: gone.signal,
      onBytes: () => gone.abort(new Error('enough'))
    }
    await assert.rejects(deliveries.deliver(delivery, to, options), /enough/)
    assert.deepEqual(await beside(), [])
  })

  describe('after a crash', () => {
    const row = () => ({
      to,
      temporary: join(place.path, 'to', '.here.pathmesh-new-1'),
      aside: join(place.path, 'to', '.here.pathmesh-old-1')
    })
    const crashed = async () => {
      const rows = opened.store.database.table<ReturnType<typeof row>>('deliveries')
      await opened.store.database.commit([put(rows, '1', row())])
      await open()
      assert.equal(await rows.get('1'), undefined)
    }

    it('removes what was temporary, read-only folders included', async () => {
      await mkdir(join(row().temporary, 'half'), { recursive: true })
      await chmod(join(row().temporary, 'half'), 0o555)
      await writeFile(to, 'before')
      await crashed()
      assert.deepEqual(await beside(), ['here'])
      assert.equal(await readFile(to, 'utf8'), 'before')
    })

    it('puts back what had been moved aside and not replaced', async () => {
      await mkdir(row().aside)
      await writeFile(join(row().aside, 'old'), 'old')
      await mkdir(row().temporary)
      await crashed()
      assert.deepEqual(await beside(), ['here'])
      assert.deepEqual(await readdir(to), ['old'])
    })

    it('removes what had been moved aside and was replaced', async () => {
      await mkdir(row().aside)
      await mkdir(to)
      await writeFile(join(to, 'new'), 'new')
      await crashed()
      assert.deepEqual(await beside(), ['here'])
      assert.deepEqual(await readdir(to), ['new'])
    })

    it('starts although a destination cannot be reached, and clears it at a later start', async () => {
      const rows = opened.store.database.table<ReturnType<typeof row>>('deliveries')
      const [folder, away] = [join(place.path, 'to'), join(place.path, 'away')]
      await mkdir(row().temporary)
      await rename(folder, away)
      await symlink(folder, folder)
      await opened.store.database.commit([put(rows, '1', row())])
      await open()
      assert.ok((await rows.get('1')) !== undefined)
      await unlink(folder)
      await rename(away, folder)
      await open()
      assert.equal(await rows.get('1'), undefined)
      assert.deepEqual(await beside(), [])
    })

    it('still knows as its own the directory that it put into place and was killed before it noted it', async () => {
      const { database } = opened.store
      await deliver(tree)
      const delivery = await held(directory({ b: file('b') }))
      const [commit, note] = [database.commit.bind(database), database.note.bind(database)]
      const isInPlace = async () => (await readdir(to)).includes('b')
      database.commit = async writes => {
        if (await isInPlace()) throw new Error('killed')
        await commit(writes)
      }
      database.note = () => Promise.reject(new Error('killed'))
      const options = { overwrite: true, cwd: undefined, signal: never, onBytes: () => undefined }
      await assert.rejects(deliveries.deliver(delivery, to, options), /killed/)
      Object.assign(database, { commit, note })
      assert.deepEqual(await readdir(to), ['b'])
      await open()
      await deliver(tree, { overwrite: true })
    })
  })
})
