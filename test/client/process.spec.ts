// The command and the client as processes: what they load, how they detach, how they end.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile, rm, stat } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { content, FakeDaemon, GOT, lines, temporaryFolder } from './fake-daemon.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const BIN = here(`./fake-bin${extension}`)
const CLIENT = here(`../../client/index${extension}`)

async function node(argv: readonly string[], stdin = ''): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, argv, { stdio: 'pipe' })
  child.stdin.end(stdin)
  const closed = new Promise<number | null>(resolve => child.once('close', resolve))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { status: await closed, out, err }
}

describe('as a process', () => {
  let folder: string
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(async () => await rm(folder, { recursive: true, force: true }))

  it('the client loads node: modules and its own files, and nothing else', async () => {
    const hooks = `import { writeSync } from 'node:fs'
      export async function load(url, context, next) { writeSync(1, url + '\\n'); return await next(url, context) }`
    const script = `import { register } from 'node:module'
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))
      await import(${JSON.stringify(CLIENT)})`
    const { out, err, status } = await node(['--input-type=module', '-e', script])
    assert.equal(status, 0, err)
    const loaded = out.trim().split('\n')
    assert.ok(loaded.length > 10)
    for (const url of loaded)
      assert.match(
        url,
        /^node:|\/client\/(?:codecs\/|work\/)?[a-z-]+\.[jt]s$|\/proto\/(?!api|works-api)[a-z-]+\.[jt]s$/
      )
  })

  it('up --detach starts a daemon, and changes nothing the second time; down ends it', async () => {
    const data = join(folder, 'data')
    const first = await node([BIN, 'up', '--detach', '--json', '--data', data, '--join', 'secret'])
    assert.equal(first.status, 0, first.err)
    assert.match(first.out, /^\{"event":"ready".*"name":"secret".*\}\n$/)
    try {
      assert.equal((await stat(data)).mode & 0o777, 0o700)
      const second = await node([BIN, 'up', '--detach', '--data', data])
      assert.equal(second.status, 0, second.err)
      assert.match(second.err, /already running/)
      const third = await node([BIN, 'up', '--detach', '--data', data, '--join', 'again', '--name', 'in-use'])
      assert.match(third.err, /already running/)
      const fourth = await node([BIN, 'up', '--detach', '--data', data, '--join', 'other', '--name', 'denied'])
      assert.equal(fourth.status, 7, fourth.err)
    } finally {
      const down = await node([BIN, 'down', '--json', '--data', data])
      assert.deepEqual([down.status, down.out], [0, '{"stopped":true}\n'], down.err)
    }
    assert.equal((await node([BIN, 'status', '--data', data])).status, 4)
  })

  it('up --detach hands its flags on', async () => {
    const set = [
      '--upload-limit',
      '20MiB/s',
      '--download-limit',
      'none',
      '--lane-port',
      '4750',
      '--no-lanes',
      '--no-mdns'
    ]
    const { err } = await node([BIN, 'up', '--detach', '--json', '--data', folder, '--name', 'flags', ...set])
    const { error } = z.object({ error: z.object({ message: z.string() }) }).parse(JSON.parse(err))
    assert.deepEqual(JSON.parse(error.message), {
      data: folder,
      socket: join(folder, 'admin.sock'),
      name: 'flags',
      mdns: false,
      uploadLimit: 20 * 2 ** 20,
      downloadLimit: 0,
      lanePort: 4750,
      lanes: false
    })
  })

  it('up --detach bounds what the daemon keeps of freed memory, unless told otherwise', async () => {
    const up = ['up', '--detach', '--data', folder, '--name', 'memory']
    assert.match((await node([BIN, ...up])).err, /: --max-semi-space-size=4 2 \[DENIED\]$/m)
    const told = await node(['--max-semi-space-size=32', BIN, ...up])
    assert.match(told.err, /: --max-semi-space-size=4 --max-semi-space-size=32 2 \[DENIED\]$/m)
  })

  it('up --detach fails as the daemon does, and shows why', async () => {
    const failed = await node([BIN, 'up', '--detach', '--data', folder, '--name', 'denied', '--json'])
    assert.deepEqual([failed.status, failed.out], [7, ''])
    assert.match(failed.err, /^\{"error":\{"code":"DENIED","message":"this node belongs to another mesh"/)
    // Another program may have the port: no daemon is waited for.
    const taken = await node([BIN, 'up', '--detach', '--data', folder, '--name', 'port'])
    assert.deepEqual([taken.status, taken.err], [1, 'pathmesh: port 4748 for lanes is taken [IN_USE]\n'])
    const crashed = await node([BIN, 'up', '--detach', '--data', folder, '--name', 'crash'])
    assert.equal(crashed.status, 1)
    assert.match(crashed.err, /out of luck/)
    assert.match(await readFile(join(folder, 'daemon.log'), 'utf8'), /out of luck/)
  })

  it('a reader that hangs up ends the command quietly', async () => {
    const daemon = await FakeDaemon.start({ content: content(Buffer.alloc(8_000_000, 'x')) })
    try {
      const child = spawn(process.execPath, [BIN, 'cat', 'a/b', '--data', daemon.folder], {
        stdio: ['ignore', 'pipe', 'pipe']
      })
      child.stdout.once('data', () => child.stdout.destroy())
      const closed = new Promise<number | null>(resolve => child.once('close', resolve))
      assert.deepEqual([await text(child.stderr), await closed], ['', 0])
    } finally {
      await daemon.stop()
    }
  })

  it('a reader that hangs up is no fault of the help', async () => {
    const child = spawn(process.execPath, [BIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const closed = new Promise<number | null>(resolve => child.once('close', resolve))
    assert.deepEqual([await text(child.stderr), await closed], ['', 0])
  })

  it('Ctrl-C ends a transfer with 130', async () => {
    const daemon = await FakeDaemon.start({ get: () => void child.kill('SIGINT') })
    const child = spawn(process.execPath, [BIN, 'get', 'a/b', '--data', daemon.folder], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    try {
      const closed = new Promise<number | null>(resolve => child.once('close', resolve))
      assert.match(await text(child.stderr), /\[ABORTED\]/)
      assert.equal(await closed, 130)
    } finally {
      await daemon.stop()
    }
  })

  it('a program that holds a session ends by itself', async () => {
    const daemon = await FakeDaemon.start({
      session: (_, response) => void response.write('{"session":"s"}\n'),
      get: lines(GOT)
    })
    try {
      const script = `const { connect } = await import(${JSON.stringify(CLIENT)})
        const mesh = await connect({ socket: ${JSON.stringify(daemon.socket)} })
        console.log((await mesh.path('a/b').get()).path)`
      const { status, out, err } = await node(['--input-type=module', '-e', script])
      assert.deepEqual([status, out, err], [0, '/store/model.bin\n', ''])
    } finally {
      await daemon.stop()
    }
  })
})
