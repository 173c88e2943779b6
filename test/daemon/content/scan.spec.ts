// Owns the tests of walking a local tree, with all that lies about on real disks. Refuses to read any content.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, it } from 'mocha'
import { lookAt, looksIn } from '../../../daemon/content/look.ts'
import { type ScanOptions, scan } from '../../../daemon/content/scan.ts'
import { DIRECTORIES_AHEAD, FILES_AT_ONCE } from '../../../proto/limits.ts'
import { collect, directory, failsWith, file, link, temporaryFolder, writeTree } from '../../helpers/trees.ts'

const tree = directory({
  b: file('bb'),
  a: directory({ '.hidden': file('h'), l: link('../b'), empty: directory({}) }),
  'new\nline': file('n'),
  run: file('r', true),
  'a.txt': file('t')
})

describe('scan', () => {
  let folder = { path: '', remove: async () => {} }
  let root = ''
  beforeEach(async () => {
    folder = await temporaryFolder()
    root = join(folder.path, 'root')
    await writeTree(tree, root)
  })
  afterEach(() => folder.remove())

  const paths = async (options?: ScanOptions) => (await collect(scan(root, options))).map(({ path }) => path)
  const refuses = (code: string, message: RegExp, options?: ScanOptions) =>
    assert.rejects(collect(scan(root, options)), failsWith(code, message))

  it('yields everything in the order of the tree', async () => {
    const entries = await collect(scan(root))
    const expected = ['', 'a', 'a/.hidden', 'a/empty', 'a/l', 'a.txt', 'b', 'new\nline', 'run']
    assert.deepEqual(
      entries.map(({ path }) => path),
      expected
    )
    const run = entries.find(({ path }) => path === 'run')
    assert.ok(
      run?.kind === 'file' && run.executable && run.fingerprint.size === 1n && run.absolute === join(root, 'run')
    )
    const found = entries.find(({ path }) => path === 'a/l')
    assert.ok(found?.kind === 'symlink' && found.target === '../b')
  })

  it('looks into DIRECTORIES_AHEAD directories beside the one it goes through, and no more', async () => {
    const count = DIRECTORIES_AHEAD + 3
    for (let i = 0; i < count; i++) {
      await mkdir(join(root, `many-${i}`))
      for (let j = 0; j <= FILES_AT_ONCE; j++) await writeFile(join(root, `many-${i}`, String(j)), '')
    }
    const asked = new Set<string>()
    let resolve = (): void => undefined
    const isAhead = new Promise<void>(done => (resolve = done))
    const look: ScanOptions['look'] = async paths => {
      for (const path of paths) asked.add(dirname(path))
      if (asked.size === 1 + DIRECTORIES_AHEAD) resolve()
      await isAhead
      return looksIn(lookAt(paths))
    }
    const seen: string[] = []
    for await (const { path } of scan(root, { look, exclude: ['a', 'b'] })) {
      seen.push(path)
      if (path === 'many-0/0') assert.equal(asked.size, 1 + DIRECTORIES_AHEAD)
    }
    assert.equal(asked.size, count)
    assert.deepEqual(
      seen.filter(path => path.endsWith('/0')),
      Array.from({ length: count }, (_, i) => `many-${i}/0`)
    )
  })

  it('yields the same of a directory of many entries that others look at for it', async () => {
    for (let i = 0; i < FILES_AT_ONCE; i++) await writeFile(join(root, `more-${i}`), String(i))
    const asked: string[] = []
    const look: ScanOptions['look'] = async paths => {
      asked.push(...paths)
      return looksIn(lookAt(paths))
    }
    assert.deepEqual(await collect(scan(root, { look })), await collect(scan(root)))
    assert.ok(asked.includes(join(root, 'run')))
    const gone: ScanOptions['look'] = async paths => looksIn(lookAt(paths.map(path => `${path}-gone`)))
    await refuses('SOURCE_CHANGED', /vanished/, { look: gone })
  })

  it('yields a file that is the root, and follows a root that is a link', async () => {
    const [only] = await collect(scan(join(root, 'b')))
    assert.ok(only?.kind === 'file' && only.path === '')
    await symlink(root, join(folder.path, 'way'))
    const [top] = await collect(scan(join(folder.path, 'way')))
    assert.ok(top?.kind === 'directory' && top.absolute === root)
  })

  it('leaves out what a glob matches, hidden names too', async () => {
    assert.deepEqual(await paths({ exclude: ['a', '*.txt', 'new*'] }), ['', 'b', 'run'])
    assert.deepEqual(await paths({ exclude: ['**/.*', 'a/{l,empty}'] }), ['', 'a', 'a.txt', 'b', 'new\nline', 'run'])
  })

  it('refuses a FIFO, a socket, unless they are left out', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')])
    await refuses('UNSAFE_NAME', /pipe is a FIFO/)
    assert.ok((await paths({ exclude: ['pipe'] })).length > 0)
    await rm(join(root, 'pipe'))
    const server = createServer().listen(join(root, 'sock'))
    await new Promise(resolve => server.once('listening', resolve))
    await refuses('UNSAFE_NAME', /sock is a socket/)
    await new Promise(resolve => server.close(resolve))
  })

  for (const target of ['../../etc', '/etc/passwd', 'a/../../x']) {
    it(`refuses a link to ${target}, and says what to do`, async () => {
      await symlink(target, join(root, 'out'))
      await refuses('UNSAFE_NAME', new RegExp(`out to "${target}".*--dereference.*--exclude`))
    })
  }

  it('keeps a link that points to nothing inside', async () => {
    await symlink('nothing', join(root, 'dangling'))
    assert.ok((await paths()).includes('dangling'))
  })

  it('publishes what links point to when told', async () => {
    const outside = join(folder.path, 'outside')
    await writeTree(directory({ f: file('123') }), outside)
    await symlink('../outside', join(root, 'out'))
    const entries = await collect(scan(root, { dereference: true }))
    const followed = entries.find(({ path }) => path === 'out/f')
    assert.ok(followed?.kind === 'file' && followed.absolute === join(outside, 'f'))
    assert.equal(entries.find(({ path }) => path === 'a/l')?.kind, 'file')
  })

  it('sees a loop of followed links, and a link to nothing', async () => {
    await symlink('..', join(root, 'a', 'up'))
    await refuses('UNSAFE_NAME', /a\/up leads back/, { dereference: true })
    await rm(join(root, 'a', 'up'))
    await symlink('nothing', join(root, 'dangling'))
    await refuses('NOT_FOUND', /dangling/, { dereference: true })
  })

  it('refuses a name that is not UTF-8', async () => {
    await writeFile(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.of(0xff)]), '')
    await refuses('UNSAFE_NAME', /"bad-ÿ" in .* is not UTF-8/)
  })

  it('is NOT_FOUND for a root that is missing', async () => {
    await assert.rejects(collect(scan(join(root, 'missing'))), failsWith('NOT_FOUND', /missing/))
  })

  it('is DENIED for a directory that may not be read', async function () {
    if (process.getuid?.() === 0) this.skip()
    await chmod(join(root, 'a'), 0)
    await refuses('DENIED', /a/)
    await chmod(join(root, 'a'), 0o700)
  })

  it('is SOURCE_CHANGED for an entry that vanishes meanwhile', async () => {
    const many = join(root, 'a.many')
    await mkdir(many)
    for (let i = 0; i < 40; i++) await writeFile(join(many, `f${i}`), '')
    const entries = scan(root)
    for await (const { path } of entries) {
      if (path === 'a.many/f0') break
    }
    const again = scan(root)
    const act = async (): Promise<void> => {
      for await (const { path } of again) if (path === 'a.many/f0') await rm(many, { recursive: true })
    }
    await assert.rejects(act(), failsWith('SOURCE_CHANGED', /f\d+ vanished/))
  })

  it('rethrows the reason of an abort', async () => {
    const reason = new Error('enough')
    const stop = new AbortController()
    const act = async (): Promise<void> => {
      for await (const _ of scan(root, { signal: stop.signal })) stop.abort(reason)
    }
    await assert.rejects(act(), error => error === reason)
  })
})
