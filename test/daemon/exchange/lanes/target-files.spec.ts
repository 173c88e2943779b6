// Leaves come down where they belong, whether the thread that receives them writes them itself or hands them on.

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { TargetFiles } from '../../../../daemon/exchange/lanes/target-files.ts'
import { SLOW_WRITE_MS, WRITE_PIECE_BYTES } from '../../../../proto/limits.ts'
import { Seeded } from '../../../helpers/seeded.ts'
import { failsWith, temporaryFolder } from '../../../helpers/trees.ts'

const BLOCK = 3 * WRITE_PIECE_BYTES + 5

describe('TargetFiles', () => {
  const random = new Seeded('target-files')
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => void (folder = await temporaryFolder()))
  afterEach(() => folder.remove())

  /** What a write takes by the clock is `ms`. */
  const filesOf = (writesItself: boolean, ms = 0) => {
    let now = 0
    return new TargetFiles({ clock: { monotonic: () => (now += ms) }, writesItself })
  }

  async function writeBlocks(files: TargetFiles): Promise<boolean> {
    const path = join(folder.path, 'file')
    const blocks = [random.bytes(BLOCK), random.bytes(BLOCK), random.bytes(7)]
    await writeFile(path, '0123456789')
    const file = files.acquire(path)
    await Promise.all([files.write(file, blocks.slice(0, 2), 10), files.write(file, blocks.slice(2), 10 + 2 * BLOCK)])
    await files.release(file)
    assert.ok(Buffer.concat([Buffer.from('0123456789'), ...blocks]).equals(await readFile(path)))
    return file.isSlow
  }

  it('hands writes on', async () => {
    assert.equal(await writeBlocks(filesOf(false)), true)
  })

  it('writes itself as long as that is fast', async () => {
    assert.equal(await writeBlocks(filesOf(true)), false)
  })

  it('hands the rest on where that is slow', async () => {
    assert.equal(await writeBlocks(filesOf(true, SLOW_WRITE_MS + 1)), true)
  })

  for (const writesItself of [false, true])
    it(`is NO_SPACE where there is none${writesItself ? ', when it writes itself' : ''}`, async function () {
      if (process.platform !== 'linux') this.skip()
      const files = filesOf(writesItself)
      const file = files.acquire('/dev/full')
      await assert.rejects(files.write(file, [random.bytes(BLOCK)], 0), failsWith('NO_SPACE'))
      await files.release(file)
    })
})
