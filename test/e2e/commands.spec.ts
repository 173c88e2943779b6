// The command as scripts see it: the form of each answer with --json, what is on stderr, and exit statuses.

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { after, before, describe, it } from 'mocha'
import { z } from 'zod'
import { Name, Stat, Unshared } from '../../proto/api.ts'
import { Invite, Peer, Status } from '../../proto/node-api.ts'
import { command } from '../helpers/commands.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'

describe('the command', function () {
  this.timeout(60_000)
  let scene: Scene
  let [origin, other]: Daemon[] = []

  before(async () => {
    scene = await Scene.open()
    ;[origin, other] = await scene.mesh('a', 'b')
  })
  after(() => scene.close())

  it('answers status, peers, invite, ls, stat, unshare and drop in the form of the contract', async () => {
    const path = await scene.file('x', 'x')
    assert.equal((await must(origin).cli(['share', path, '--as', 'forms/x'])).status, 0)
    const status = (await must(other).cli(['status'])).value(Status.strict())
    assert.deepEqual([status.peers, status.synced, status.name], [1, true, 'b'])
    const peer = (await must(other).cli(['peers'])).value(Peer.strict())
    assert.deepEqual([peer.name, peer.connected, peer.peerId], ['a', true, must(origin).peerId])
    assert.match((await must(origin).cli(['invite'])).value(Invite.strict()).invite, /^pathmesh-invite-1-\S+$/)
    const listed = (await must(other).cli(['ls', 'forms/'])).value(Name.strict())
    assert.deepEqual([listed.url, listed.local, listed.size], ['pathmesh://forms/x', false, 1])
    assert.equal((await must(other).cli(['stat', 'forms/x'])).value(Stat.strict()).cid, listed.cid)
    const dropped = z.strictObject({ url: z.string(), roots: z.int(), files: z.int(), bytes: z.int() })
    assert.equal((await must(other).cli(['drop', 'forms/x'])).value(dropped).roots, 0)
    assert.equal((await must(origin).cli(['unshare', 'forms/x'])).value(Unshared.strict()).seq, 2)
    assert.deepEqual((await must(other).cli(['ls', 'forms/'])).lines, [])
  })

  it('keeps stderr for a failure, as one JSON object, and stdout for data', async () => {
    const outcome = await must(other).cli(['get', 'nobody/knows'], { cwd: scene.folder })
    assert.deepEqual([outcome.status, outcome.error.code], [3, 'NOT_FOUND'])
    assert.ok(outcome.lines.every(line => typeof line === 'object' && line !== null && 'event' in line))
    assert.equal((await must(other).cli(['status'])).stderr, '')
  })

  it('without --json prints what is for people on stderr, and a path alone on stdout', async () => {
    const path = await scene.file('people', 'people')
    const { data } = must(origin)
    const shared = await command(['--data', data, 'share', path, '--as', 'people/x'])
    assert.equal(shared.stdout, 'pathmesh://people/x\n')
    assert.match(shared.stderr, /pathmesh get pathmesh:\/\/people\/x/)
    const got = await command(['--data', must(other).data, 'get', 'people/x', '--store'])
    assert.match(got.stdout, /^\/\S+\/x\n$/)
    const failed = await command(['--data', data, 'stat', 'no/thing'])
    assert.match(failed.stderr, /^pathmesh: .*\[NOT_FOUND\]\n$/)
  })

  const wrong: [string, string[]][] = [
    ['no command', []],
    ['an unknown command', ['fetch']],
    ['an unknown flag', ['status', '--verbose']],
    ['a missing argument', ['get']],
    ['too many arguments', ['get', 'a/b', 'c/d']],
    ['a bad duration', ['get', 'a/b', '--timeout', '5']],
    ['--to with --store', ['get', 'a/b', '--to', 'x', '--store']],
    ['a bad range', ['cat', 'a/b', '--range', '9-1']],
    ['a bad hash', ['share', 'x', '--hash', 'md5']],
    ['a reference without a path', ['get', 'justwork']],
    ['a reference that climbs', ['get', 'a/../b']],
    ['a name that climbs', ['share', '.', '--as', 'a/../../b']],
    ['a bad address', ['up', '--listen', 'nowhere:80']],
    ['a bad invite', ['up', '--join', 'pathmesh-invite-1-xyz']]
  ]
  for (const [what, args] of wrong) {
    it(`exits with 2 for ${what}`, async () => {
      const isUp = args[0] === 'up'
      const data = isUp ? scene.at('unused') : must(other).data
      const outcome = await command(['--data', data, '--json', ...args], { cwd: scene.folder })
      assert.equal(outcome.status, 2, outcome.stderr)
      assert.equal(outcome.error.code, 'INVALID_ARGUMENT')
    })
  }

  it('exits with 4 when no daemon answers, and says how to start one', async () => {
    const outcome = await command(['--data', scene.at('none'), '--json', 'status'])
    assert.deepEqual([outcome.status, outcome.error.code], [4, 'DAEMON_UNREACHABLE'])
    assert.match(outcome.error.message, /pathmesh up --detach --data/)
  })

  it('exits with 5 when some of several were done, and with the failure when none was', async () => {
    const path = await scene.file('some', 'some')
    assert.equal((await must(origin).cli(['share', path, '--as', 'some/x'])).status, 0)
    assert.equal((await must(origin).cli(['unshare', 'some/x', 'some/y'])).status, 5)
    assert.equal((await must(origin).cli(['unshare', 'some/x', 'some/y'])).status, 3)
  })

  it('exits with 6 when --timeout is over', async () => {
    await must(origin).cli(['share', await scene.file('slow', 'slow'), '--as', 'slow/x'])
    must(origin).freeze()
    try {
      const outcome = await must(other).cli(['get', 'slow/x', '--store', '--timeout', '300ms'])
      assert.deepEqual([outcome.status, outcome.error.code], [6, 'TIMEOUT'])
    } finally {
      must(origin).thaw()
    }
  })

  it('exits with 7 when the name is not ours to change', async () => {
    const path = await scene.file('theirs', 'theirs')
    assert.equal((await must(origin).cli(['share', path, '--as', 'theirs/x'])).status, 0)
    assert.equal((await must(other).cli(['stat', 'theirs/x'])).status, 0)
    const outcome = await must(other).cli(['unshare', 'theirs/x'])
    assert.deepEqual([outcome.status, outcome.error.code], [7, 'NOT_ORIGIN'])
  })

  it('starts a daemon in the background, once, and stops it', async () => {
    const data = scene.at('d')
    const args = ['--data', data, '--json', 'up', '--detach', '--no-mdns', '--listen', '/ip4/127.0.0.1/tcp/0']
    const first = await command(args)
    try {
      const again = await command(args)
      const ready = z.looseObject({ event: z.literal('ready'), peerId: z.string() })
      assert.equal(again.value(ready).peerId, first.value(ready).peerId)
    } finally {
      assert.equal((await command(['--data', data, '--json', 'down'])).status, 0)
    }
    assert.equal((await command(['--data', data, '--json', 'down'])).status, 4)
    assert.ok((await readdir(data)).includes('daemon.log'))
  })

  it('hangs up quietly when nobody reads what it prints', async () => {
    const path = await scene.file('long', Buffer.alloc(4 * 1024 * 1024, 'x'))
    assert.equal((await must(origin).cli(['share', path, '--as', 'long/x'])).status, 0)
    const started = must(other).begin(['cat', 'long/x'])
    must(started.child.stdout ?? undefined).destroy()
    const outcome = await started.ended
    assert.deepEqual([outcome.status, outcome.stderr], [0, ''])
  })
})
