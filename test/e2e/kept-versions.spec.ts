// Earlier versions of what a work publishes: kept in its folder while others write there, and said to be gone when they are.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'mocha'
import { hasCode, PathmeshError, type Mesh, type Path, type Publication } from '../../client/index.ts'
import { must, Scene } from '../helpers/daemons.ts'
import { Seeded } from '../helpers/seeded.ts'
import { buildTree, failsWith, file } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024
const ROUNDS = 16

describe('an earlier version', function () {
  this.timeout(60_000)
  const random = new Seeded('kept')
  let scene: Scene
  let [here, there]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    const [a, b] = await scene.mesh('a', 'b')
    here = await scene.connect(must(a))
    there = await scene.connect(must(b))
  })
  after(() => scene.close())

  /** Writes over the file, as tools do that know nothing of versions, and publishes it. */
  const overwrite = async (path: Path, bytes: Uint8Array, keep?: number): Promise<Publication> => {
    await writeFile(await path.local, bytes)
    return await path.publish(keep === undefined ? {} : { keep })
  }

  it('is kept in the folder of a work, one behind the newest, and the one before it is gone', async () => {
    const own = must(here).work('kept').path('last.ckpt')
    const versions = [1, 2, 3].map(() => random.bytes(2 * MiB + 17))
    for (const bytes of versions) assert.equal((await overwrite(own, bytes)).kept, true)
    const path = must(there).path('kept/last.ckpt')
    const second = await path.at(2).get()
    assert.ok(must(versions[1]).equals(await readFile(second.path)))
    assert.equal(second.version.seq, 2)
    const error = await path
      .at(1)
      .get()
      .catch((reason: unknown) => reason)
    assert.ok(failsWith('VERSION_GONE', /the newest version of kept\/last\.ckpt is 3/)(error))
    assert.ok(error instanceof PathmeshError)
    const newest = await path.latest()
    assert.deepEqual(error.details, { newest: 3, cid: newest.cid })
    assert.ok(must(versions[2]).equals(await path.readFile()))
  })

  it('is not kept where nobody asked for it, and says so', async () => {
    const own = must(here).work('unkept').path('x')
    for (const text of ['first', 'second']) assert.equal((await overwrite(own, Buffer.from(text), 0)).kept, false)
    await assert.rejects(must(there).path('unkept/x').at(1).get(), failsWith('VERSION_GONE', /is 2/))
    assert.equal(await must(there).path('unkept/x').readFile('utf8'), 'second')
    const elsewhere = await must(here).share(await scene.file('elsewhere', 'first'), { as: 'elsewhere/x' })
    assert.equal(elsewhere.kept, false)
    await must(here).share(await scene.file('elsewhere', 'second'), { as: 'elsewhere/x' })
    await assert.rejects(must(there).path('elsewhere/x').at(elsewhere).get(), failsWith('VERSION_GONE', /is 2/))
  })

  it('is exact or gone, and the name always answers, while another program writes over the file', async () => {
    const own = must(here).work('loop').path('last.ckpt')
    const loop = new TrainingLoop(await own.local, 2 * MiB)
    try {
      const published: Publication[] = []
      const publishing = publishEach(loop, own, published)
      const results = { exact: 0, gone: 0, followed: 0 }
      const path = must(there).path('loop/last.ckpt')
      const has = async (back: number): Promise<void> => {
        const version = must(published.at(-1 - back))
        results[(await isExact(path.at(version))) ? 'exact' : 'gone']++
      }
      for (let round = 0; round < ROUNDS; round++) {
        await until('the next version is published', () => published.length > round)
        if (round % 4 === 2) await has(1)
        // One that nobody has read: what is read is kept for a while.
        if (round > 4 && round % 4 === 3) await has(4)
        if (round % 4 !== 0) continue
        await using got = await path.get()
        assertIs(got.version.cid, await readFile(got.path))
        results.followed++
      }
      await loop.stop()
      await publishing
      assert.equal(results.followed, ROUNDS / 4)
      assert.ok(results.exact > 0 && results.gone > 0, JSON.stringify(results))
      const last = await own.publish()
      assert.ok((await readFile(await own.local)).equals(await path.readFile()))
      assert.equal((await path.latest()).cid, last.cid)
    } finally {
      await loop.stop()
    }
  })
})

/** Whether a version could be had, and then it is that one; else it is said to be gone, and what is newer. */
async function isExact(fixed: Path): Promise<boolean> {
  try {
    await using got = await fixed.get()
    assert.equal(got.version.cid, fixed.version)
    assertIs(got.version.cid, await readFile(got.path))
    return true
  } catch (error) {
    if (!hasCode(error, 'VERSION_GONE')) throw error
    assert.ok(Number(error.details?.newest) > 1)
    return false
  }
}

function assertIs(cid: string, bytes: Buffer): void {
  assert.equal(buildTree(file(bytes), 'blake3').cid.toString(), cid)
}

/** Publishes after each write, until the loop ends. A file that is written to meanwhile is published after the next. */
async function publishEach(loop: TrainingLoop, own: Path, published: Publication[]): Promise<void> {
  for await (const _ of loop.written) {
    try {
      published.push(await own.publish())
    } catch (error) {
      if (!hasCode(error, 'SOURCE_CHANGED')) throw error
    }
  }
}

const LOOP = `
  const { closeSync, openSync, writeSync } = require('node:fs')
  const { randomBytes } = require('node:crypto')
  const [path, size] = process.argv.slice(1)
  const write = () => {
    const file = openSync(path, 'w')
    for (let done = 0; done < Number(size); done += 65536) writeSync(file, randomBytes(65536))
    closeSync(file)
    process.stdout.write('written\\n')
  }
  write()
  setInterval(write, 200)
`

/** Another process that truncates a file and writes it anew, five times a second. */
class TrainingLoop {
  /** A line after each write. */
  readonly written: AsyncIterable<string>
  readonly #child

  constructor(path: string, size: number) {
    this.#child = spawn(process.execPath, ['-e', LOOP, path, String(size)], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.written = createInterface({ input: this.#child.stdout })
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }
}
