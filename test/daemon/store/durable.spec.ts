// Syncing: many files by the file system's own call, and one by one where there is no such command.

import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { renameDurably, syncTree } from '../../../daemon/store/durable.ts'
import { SYNC_EACH_MAX } from '../../../proto/limits.ts'
import { failsWith, temporaryFolder } from '../../helpers/trees.ts'

describe('syncTree()', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let synced: string[]
  const path = process.env['PATH']

  beforeEach(async () => {
    folder = await temporaryFolder()
    synced = []
  })

  afterEach(async () => {
    process.env['PATH'] = path
    await folder.remove()
  })

  const many = (count: number) => Array.from({ length: count }, (_, i) => join(folder.path, String(i)))
  const note = async (path: string): Promise<void> => void synced.push(path)
  const fakeSync = async (script: string) => {
    await writeFile(join(folder.path, 'sync'), `#!/bin/sh\n${script}\n`)
    await chmod(join(folder.path, 'sync'), 0o755)
    process.env['PATH'] = `${folder.path}:/usr/bin:/bin`
  }

  it('syncs few files one by one', async () => {
    await fakeSync('exit 1')
    await syncTree(folder.path, many(SYNC_EACH_MAX), undefined, note)
    assert.equal(synced.length, SYNC_EACH_MAX)
  })

  it('syncs many by the file system, when that can be asked', async function () {
    if (process.platform !== 'linux') this.skip()
    await fakeSync(`echo "$@" > ${folder.path}/asked`)
    await syncTree(folder.path, many(SYNC_EACH_MAX + 1), undefined, note)
    assert.deepEqual(synced, [])
    assert.equal((await readFile(join(folder.path, 'asked'), 'utf8')).trim(), `-f ${folder.path}`)
  })

  it('syncs many one by one where there is no `sync`', async () => {
    process.env['PATH'] = folder.path
    await syncTree(folder.path, many(SYNC_EACH_MAX + 1), undefined, note)
    assert.equal(synced.length, SYNC_EACH_MAX + 1)
  })

  it('syncs many one by one where `sync` knows no -f', async () => {
    await fakeSync('echo "sync: unrecognized option: f" >&2; exit 1')
    await syncTree(folder.path, many(SYNC_EACH_MAX + 1), undefined, note)
    assert.equal(synced.length, SYNC_EACH_MAX + 1)
  })

  it('fails for a file that is not there', async () => {
    await assert.rejects(syncTree(folder.path, many(1)), failsWith('NOT_FOUND'))
  })

  it('fails when the file system could not be synced', async function () {
    if (process.platform !== 'linux') this.skip()
    await fakeSync('echo "sync: error syncing: Input/output error" >&2; exit 1')
    await assert.rejects(
      syncTree(folder.path, many(SYNC_EACH_MAX + 1), undefined, note),
      failsWith('IO', /Input\/output error/)
    )
    assert.deepEqual(synced, [])
  })
})

describe('renameDurably()', () => {
  it('renames within a directory and into another', async () => {
    const folder = await temporaryFolder()
    try {
      await mkdir(join(folder.path, 'other'))
      await writeFile(join(folder.path, 'a'), 'bytes')
      await renameDurably(join(folder.path, 'a'), join(folder.path, 'b'))
      await renameDurably(join(folder.path, 'b'), join(folder.path, 'other', 'c'))
      assert.equal(await readFile(join(folder.path, 'other', 'c'), 'utf8'), 'bytes')
    } finally {
      await folder.remove()
    }
  })
})
