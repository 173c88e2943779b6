// Starting where something is in the way: another daemon, a socket that is stale, foreign or too long, another mesh; and what
// strangers and garbage on the TCP port get, which is nothing.

import assert from 'node:assert/strict'
import { chmod, chown, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { connect as dial, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { connect } from '../../client/index.ts'
import { decodeInvite, encodeInvite } from '../../proto/invite.ts'
import { command } from '../helpers/commands.ts'
import { connected, Daemon, must, Scene } from '../helpers/daemons.ts'
import { asNobody, isRoot, nobody } from '../helpers/privileges.ts'
import { Seeded } from '../helpers/seeded.ts'
import { failsWith } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

describe('a daemon', function () {
  this.timeout(60_000)
  let scene: Scene
  beforeEach(async () => {
    scene = await Scene.open()
  })
  afterEach(() => scene.close())

  it('is one on a data folder: another is refused, and the first does not notice', async () => {
    const first = await scene.up('a')
    const outcome = await scene.start({ data: first.data }).ended
    assert.deepEqual([outcome.status, lastError(outcome.stderr).code], [1, 'IN_USE'])
    assert.match(lastError(outcome.stderr).message, /pathmesh down|stop it/)
    assert.equal((await first.status()).peerId, first.peerId)
    assert.ok((await lstat(first.socket)).isSocket())
  })

  it('is one of many that start at once on one folder', async () => {
    const all = Array.from({ length: 4 }, () => scene.start({ data: scene.at('race') }))
    await until('three have ended, and one is ready', () => {
      return all.filter(({ hasEnded }) => hasEnded).length === 3 && all.some(({ stdout }) => stdout.includes('"ready"'))
    })
    const losers = await Promise.all(all.filter(({ hasEnded }) => hasEnded).map(({ ended }) => ended))
    for (const { status, stderr } of losers) assert.deepEqual([status, lastError(stderr).code], [1, 'IN_USE'])
    const winner = all.find(started => !started.hasEnded)
    assert.equal((await command(['--data', scene.at('race'), '--json', 'status'])).status, 0)
    must(winner).child.kill('SIGTERM')
    assert.equal((await must(winner).ended).status, 0)
  })

  it('takes over the socket of one that was killed', async () => {
    const first = await scene.up('a')
    await first.kill9()
    assert.ok((await lstat(first.socket)).isSocket())
    const outcome = await command(['--data', first.data, '--json', 'status'])
    assert.deepEqual([outcome.status, outcome.error.code], [4, 'DAEMON_UNREACHABLE'])
    const second = scene.own(await first.again())
    assert.equal(second.peerId, first.peerId)
  })

  it('does not start on what is no socket, and leaves it', async () => {
    const path = await scene.file('a/admin.sock', 'mine')
    const outcome = await scene.start({ data: scene.at('a') }).ended
    assert.deepEqual([outcome.status, lastError(outcome.stderr).code], [7, 'DENIED'])
    assert.equal(await readFile(path, 'utf8'), 'mine')
    await mkdir(scene.at('b'))
    await symlink(scene.at('elsewhere'), scene.at('b/admin.sock'))
    const linked = await scene.start({ data: scene.at('b') }).ended
    assert.deepEqual([linked.status, lastError(linked.stderr).code], [7, 'DENIED'])
  })

  it('says that its socket would have too long a path, and what to do', async () => {
    const data = scene.at('x'.repeat(100))
    const outcome = await scene.start({ data }).ended
    assert.deepEqual([outcome.status, lastError(outcome.stderr).code], [2, 'INVALID_ARGUMENT'])
    assert.match(lastError(outcome.stderr).message, /PATHMESH_SOCKET/)
    const client = await command(['--data', data, '--json', 'status'])
    assert.deepEqual([client.status, client.error.code], [2, 'INVALID_ARGUMENT'])
    await assert.rejects(stat(data), { code: 'ENOENT' })
    const short = await scene.up('long', { data, env: { PATHMESH_SOCKET: scene.at('s', 's') } })
    assert.equal(short.socket, scene.at('s', 's'))
    await using mesh = await connect({ socket: short.socket })
    assert.equal(mesh.peerId, short.peerId)
  })

  it('keeps its folder and socket to its user, whatever they were and whatever the umask', async () => {
    const data = await scene.directory('open')
    await chmod(data, 0o777)
    const daemon = await scene.up('open', { prefix: ['sh', '-c', 'umask 000; exec "$@"', 'sh'] })
    assert.equal((await stat(data)).mode & 0o777, 0o700)
    assert.equal((await lstat(daemon.socket)).mode & 0o777, 0o600)
    for (const name of (await readdir(data)).filter(name => /key|mesh|identity|secret/.test(name)))
      assert.equal((await stat(join(data, name))).mode & 0o077, 0, name)
  })

  it('is not reached by another user', async function () {
    const prefix = asNobody() ?? this.skip()
    const daemon = await scene.up('a')
    await chmod(scene.folder, 0o755)
    const closed = await command(['--data', daemon.data, '--json', 'status'], { prefix, cwd: '/' })
    assert.deepEqual([closed.status, closed.error.code], [7, 'DENIED'])
    // The socket loosened: its folder still guards.
    await chmod(daemon.socket, 0o777)
    const still = await command(['--data', daemon.data, '--json', 'status'], { prefix, cwd: '/' })
    assert.deepEqual([still.status, still.error.code], [7, 'DENIED'])
  })

  it('is not taken for ours by a client when another user could be behind its socket', async () => {
    const folder = await scene.directory('foreign')
    const path = join(folder, 's')
    const server = createServer(socket => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}'))
    })
    await new Promise<void>(resolve => server.listen(path, resolve))
    try {
      await chmod(path, 0o600)
      await chmod(folder, 0o777)
      await assert.rejects(connect({ socket: path }), failsWith('DENIED', /can be written by others/))
      await chmod(folder, 0o700)
      await symlink(path, scene.at('link'))
      await assert.rejects(connect({ socket: scene.at('link') }), failsWith('DENIED', /symbolic link/))
      if (isRoot) {
        await chown(path, nobody, nobody)
        await assert.rejects(connect({ socket: path }), failsWith('DENIED', /belongs to user/))
        await chown(path, 0, 0)
      }
      await assert.rejects(connect({ socket: path }), failsWith('INCOMPATIBLE'))
    } finally {
      await new Promise(resolve => server.close(resolve))
    }
  })

  it('keeps to its mesh: the invite of another is refused, and changes nothing', async () => {
    const [one, other] = [await scene.up('a'), await scene.up('b')]
    const invite = await other.invite()
    await one.stop()
    const outcome = await scene.start({ data: one.data, join: invite }).ended
    assert.deepEqual([outcome.status, lastError(outcome.stderr).code], [7, 'DENIED'])
    assert.match(lastError(outcome.stderr).message, /--data/)
    const again = scene.own(await one.again())
    assert.equal(again.ready.meshId, one.ready.meshId)
    const own = await again.invite()
    await again.stop()
    const joined = scene.own(await one.again({ join: own }))
    assert.deepEqual([joined.ready.meshId, joined.ready.created], [one.ready.meshId, false])
  })

  it('gives nothing to a member of another mesh that dials it', async () => {
    const [ours, theirs] = [await scene.up('a'), await scene.up('b')]
    await ours.cli(['share', await scene.file('secret', 'secret'), '--as', 'secret/x'])
    // An invite with their mesh and our address: what a stranger who knows where we listen can make.
    const forged = encodeInvite({
      ...decodeInvite(await theirs.invite()),
      peerId: ours.peerId,
      addresses: decodeInvite(await ours.invite()).addresses
    })
    const stranger = await scene.up('c', { join: forged })
    const outcome = await stranger.cli(['get', 'secret/x', '--store', '--timeout', '2s'])
    assert.deepEqual([outcome.status, outcome.error.code], [6, 'TIMEOUT'])
    assert.equal((await ours.status()).peers, 0)
    assert.deepEqual((await stranger.cli(['ls'])).lines, [])
  })

  it('hangs up on garbage on its TCP port, and goes on serving', async () => {
    const [origin, other] = await scene.mesh('a', 'b')
    const random = new Seeded('garbage')
    const garbage = [
      random.bytes(1),
      random.bytes(100_000),
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.from('\u0013/multistream/1.0.0\n'),
      Buffer.concat([Buffer.from('\u0013/multistream/1.0.0\n'), random.bytes(5000)]),
      Buffer.alloc(70_000, 0xff)
    ]
    const sockets = garbage.map(bytes => {
      const socket = dial(must(origin).port, '127.0.0.1')
      let came = 0
      socket.on('error', () => undefined)
      socket.on('data', data => (came += data.length))
      socket.end(bytes)
      return new Promise<number>(resolve => socket.once('close', () => resolve(came)))
    })
    // A greeting in the protocol's own words is all that anybody gets.
    for (const came of await Promise.all(sockets)) assert.ok(came < 200, `${came} bytes`)
    await must(origin).cli(['share', await scene.file('x', 'fine'), '--as', 'fine/x'])
    await connected(must(other), must(origin))
    assert.equal((await must(other).cli(['cat', 'fine/x'])).stdout, 'fine')
    assert.doesNotMatch(must(origin).log, /unhandled|uncaught/)
  })

  it('does not start on a damaged or unknown setting, and names it', async () => {
    await scene.file('a/config.json', '{"listne": []}')
    const outcome = await scene.start({ data: scene.at('a') }).ended
    assert.equal(outcome.status, 2)
    assert.match(lastError(outcome.stderr).message, /config\.json/)
    await writeFile(scene.at('a/config.json'), '{')
    assert.equal((await scene.start({ data: scene.at('a') }).ended).status, 2)
  })

  it('says which port is taken', async () => {
    const first = await scene.up('a')
    const outcome = await scene.start({ data: scene.at('b'), port: first.port }).ended
    assert.deepEqual([outcome.status, lastError(outcome.stderr).code], [1, 'IN_USE'])
    assert.match(lastError(outcome.stderr).message, new RegExp(String(first.port)))
    await assert.rejects(Daemon.up({ data: scene.at('b'), port: first.port }), /IN_USE/)
  })
})

/** The error that a daemon that did not start said last: its log is on stderr as well. */
function lastError(stderr: string): { code: string; message: string } {
  const value: unknown = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')
  assert.ok(typeof value === 'object' && value !== null && 'error' in value, stderr)
  const { error } = value
  assert.ok(typeof error === 'object' && error !== null && 'code' in error && 'message' in error, stderr)
  return { code: String(error.code), message: String(error.message) }
}
