// What Lightning's storage was not tested for, and did not do: transfers that fail, are cut off, overlap, or ask for what nobody
// shared. Each ends in its content or in an error, in time, and the next one is served.

import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { type Mesh, Path, PathmeshError } from '../../client/index.ts'
import { connected, type Daemon, must, Scene } from '../helpers/daemons.ts'
import { Gate, NO_LANES } from '../helpers/gate.ts'
import { Seeded } from '../helpers/seeded.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const MiB = 1024 * 1024
const SIZE = 12 * MiB
const STALL = { stallMs: 1000 }

describe('a transfer', function () {
  this.timeout(60_000)
  const random = new Seeded('acceptance')
  let scene: Scene
  let origin: Daemon | undefined
  let other: Daemon | undefined
  let gate: Gate | undefined
  let [here, there]: Mesh[] = []

  before(async () => {
    scene = await Scene.open()
    origin = await scene.up('a', { env: NO_LANES })
    gate = await Gate.to(origin)
    other = await scene.up('b', { join: await gate.invite(origin) })
    await connected(other, origin)
    here = await scene.connect(origin)
    there = await scene.connect(other)
  })
  after(async () => {
    await gate?.close()
    await scene.close()
  })

  const known = async (name: string): Promise<Path> => {
    const path = must(there).path(name)
    await path.waitFor({ timeoutMs: 20_000 })
    return path
  }

  // test_path_get_errors
  it('is refused for a Path of nobody, then for one of no mesh, then where something lies already', async () => {
    await must(here).share(await scene.file('errors', 'x'), { as: 'errors/x' })
    const to = await scene.file('in-the-way', 'mine')
    await assert.rejects(new Path('x').get({ to }), { name: 'TypeError', message: /belongs to no Work yet/ })
    const path = await known('errors/x')
    await assert.rejects(Path.from(path.toJSON()).get({ to }), { name: 'TypeError', message: /belongs to no mesh/ })
    await assert.rejects(path.get({ to }), failsWith('ALREADY_EXISTS', /in-the-way.*overwrite/))
    assert.equal(await readFile(to, 'utf8'), 'mine')
    await path.get({ to, overwrite: true })
    assert.equal(await readFile(to, 'utf8'), 'x')
  })

  // test_path_response_with_exception, test_copier_handles_exception, test_copy_files_with_exception
  it('of a file that its running origin has lost fails there and here, and the next one is served', async () => {
    const lost = await scene.file('tree/lost', random.bytes(2 * MiB))
    await scene.file('tree/good', 'good')
    await must(here).share(scene.at('tree'), { as: 'lost/tree', keep: 0 })
    await must(here).share(lost, { as: 'lost/file', keep: 0 })
    const [tree, file] = [await known('lost/tree'), await known('lost/file')]
    await rm(lost)
    const failures = await Promise.all([file, tree, file, tree].map(path => path.get(STALL).catch((e: unknown) => e)))
    for (const failure of failures) {
      assert.ok(failure instanceof PathmeshError, String(failure))
      assert.match(failure.code, /^(?:NO_PROVIDERS|SOURCE_CHANGED)$/)
    }
    await assert.rejects(
      must(here)
        .path('lost/file')
        .get({ ...STALL, to: scene.at('lost-copy') }),
      PathmeshError
    )
    assert.equal(await tree.join('good').readFile('utf8'), 'good')
  })

  it('is of what was shared alone: no path leads out, and no address to what lies beside or is shared no more', async () => {
    const folder = await scene.directory('public')
    await scene.file('public/open', 'open')
    await scene.file('secret', 'secret')
    await must(here).share(folder, { as: 'confined/public' })
    const path = await known('confined/public')
    for (const way of ['../secret', '..', '/etc/passwd', 'open/../../secret', `../${basename(scene.folder)}/secret`])
      assert.throws(() => path.join(way), failsWith('INVALID_ARGUMENT'), way)
    for (const text of [
      'confined/public/../secret',
      'pathmesh://confined/public/%2E%2E/secret',
      'confined/public//etc/passwd'
    ])
      assert.throws(() => must(there).path(text), failsWith('INVALID_ARGUMENT'), text)
    // Its content is known to the daemon for a moment, under a name that is then retired.
    const retired = await must(here).share(scene.at('secret'), { as: 'confined/secret', keep: 0 })
    const fixed = await known(`confined@${must(origin).peerId}/secret`)
    await must(here).unshare('confined/secret')
    await until('the other node heard of it', async () => !(await fixed.exists()))
    await assert.rejects(must(there).path(`ipfs://${retired.cid}`).get(STALL), failsWith('NO_PROVIDERS'))
    assert.equal(await path.join('open').readFile('utf8'), 'open')
  })

  it('of each of two versions at the same time is of that version', async () => {
    const own = must(here).work('two').path('last.bin')
    const versions = [random.bytes(MiB + 1), random.bytes(MiB + 1)]
    for (const bytes of versions) await own.writeFile(bytes)
    const path = await known('two/last.bin')
    await until('the other node heard of it', async () => (await path.latest()).seq === 2)
    const got = await Promise.all([1, 2, 1, 2].map(async seq => await readFile((await path.at(seq).get()).path)))
    for (const [n, bytes] of got.entries()) assert.ok(bytes.equals(must(versions[n % 2])), `version ${(n % 2) + 1}`)
  })

  it('from an origin that is killed fails in time with what has come, and goes on when that is back', async () => {
    const bytes = random.bytes(SIZE)
    await must(here).share(await scene.file('killed', bytes), { as: 'killed/x' })
    const path = await known('killed/x')
    must(gate).allow(SIZE / 2 + 3 * MiB)
    let came = 0
    const cut = path.get({ ...STALL, onProgress: ({ bytes: now }) => (came = now) }).catch((e: unknown) => e)
    await until('half has come', () => came >= SIZE / 2)
    await must(origin).kill9()
    const failure = await cut
    assert.ok(failure instanceof PathmeshError && /^(?:TIMEOUT|NO_PROVIDERS)$/.test(failure.code), String(failure))
    assert.ok(Number(failure.details?.['bytesVerified']) >= SIZE / 2, JSON.stringify(failure.details))
    must(gate).allow(Infinity)
    origin = scene.own(await must(origin).again())
    await connected(must(other), origin)
    const got = await path.get()
    assert.ok(bytes.equals(await readFile(got.path)))
    assert.ok(got.bytesFetched <= SIZE / 2, `${got.bytesFetched}`)
  })
})
