// Removal: read-only trees of an ordinary user go too, and what a crash left half done is finished.

import assert from 'node:assert/strict'
import { chmod, chown, lstat, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Database, put } from '../../../daemon/store/database.ts'
import { Disposal, removeTree } from '../../../daemon/store/disposal.ts'
import { asNobody, isRoot } from '../../helpers/privileges.ts'
import { temporaryFolder } from '../../helpers/trees.ts'

const NOBODY = 65_534

/** Runs as an ordinary user, where the test runs as root; the bits of a mode mean nothing to root. */
async function asUser(run: () => Promise<void>): Promise<void> {
  const { seteuid, getuid } = process
  if (getuid?.() !== 0 || seteuid === undefined) return run()
  seteuid(NOBODY)
  try {
    await run()
  } finally {
    seteuid(0)
  }
}

async function readOnlyTree(path: string): Promise<void> {
  await mkdir(join(path, 'deep', 'er'), { recursive: true })
  await writeFile(join(path, 'deep', 'er', 'file'), 'bytes', { mode: 0o444 })
  await writeFile(join(path, 'file'), 'bytes', { mode: 0o444 })
  for (const sub of ['deep/er/file', 'file', 'deep/er', 'deep', '']) {
    const at = join(path, sub)
    if (process.getuid?.() === 0) await chown(at, NOBODY, NOBODY)
    if (sub === '' || !sub.endsWith('file')) await chmod(at, 0o555)
  }
}

describe('Disposal', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let database: Database

  beforeEach(async () => {
    folder = await temporaryFolder()
    database = await Database.open(folder.path)
  })

  afterEach(async () => {
    await database.close()
    await removeTree(folder.path)
  })

  it('removeTree() deletes read-only directories as an ordinary user, and is content with nothing', async function () {
    if (isRoot && asNobody() === undefined) this.skip()
    const tree = join(folder.path, 'parent', 'tree')
    await readOnlyTree(tree)
    if (process.getuid?.() === 0) await chown(dirname(tree), NOBODY, NOBODY)
    await chmod(folder.path, 0o755)
    await asUser(() => removeTree(tree))
    assert.deepEqual(await readdir(dirname(tree)), [])
    await removeTree(tree)
  })

  it('removeTree() deletes a link and not what it points to', async () => {
    await mkdir(join(folder.path, 'kept'))
    await writeFile(join(folder.path, 'kept', 'file'), 'bytes')
    await chmod(join(folder.path, 'kept'), 0o555)
    await mkdir(join(folder.path, 'tree'))
    await symlink(join(folder.path, 'kept'), join(folder.path, 'tree', 'link'))
    await removeTree(join(folder.path, 'tree'))
    assert.deepEqual(await readdir(join(folder.path, 'kept')), ['file'])
    assert.equal((await lstat(join(folder.path, 'kept'))).mode & 0o777, 0o555)
  })

  it('dispose() moves out of the way at once, and commits the facts with the note of it', async () => {
    const disposal = new Disposal(database, folder.path)
    await disposal.open()
    const facts = database.table<number>('facts')
    const path = join(folder.path, 'content')
    await readOnlyTree(path)
    const { done } = await disposal.dispose(path, [put(facts, 'fact', 1)])
    await assert.rejects(lstat(path))
    assert.equal(await facts.get('fact'), 1)
    await done
    assert.deepEqual(await readdir(join(folder.path, 'trash')), [])
    await (
      await disposal.dispose(path, [])
    ).done
  })

  for (const where of ['before the rename', 'after the rename']) {
    it(`open() finishes a removal that was killed ${where}`, async () => {
      const trash = database.table<string>('trash')
      const path = join(folder.path, 'content')
      await readOnlyTree(where === 'before the rename' ? path : join(folder.path, 'trash', '17'))
      await database.commit([put(trash, '17', path)])
      await new Disposal(database, folder.path).open()
      await assert.rejects(lstat(path))
      assert.deepEqual(await readdir(join(folder.path, 'trash')), [])
      assert.equal(await trash.get('17'), undefined)
    })
  }
})
