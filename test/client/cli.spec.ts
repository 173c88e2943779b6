// The command, run in this process against a daemon of tests: what goes where, in which form, with which exit status.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import {
  CID,
  content,
  FakeDaemon,
  fail,
  GOT,
  json,
  lines,
  NAME,
  PEER,
  PROGRESS,
  SHARED,
  STATUS,
  type Answers
} from './fake-daemon.ts'
import { runCommand, values, type Ran, type RunOptions } from './run-command.ts'

describe('the command', () => {
  let daemon: FakeDaemon

  const start = async (answers: Answers = {}): Promise<void> => {
    daemon = await FakeDaemon.start(answers)
  }
  const command = async (argv: readonly string[], more: RunOptions = {}): Promise<Ran> =>
    await runCommand(daemon.folder, argv, more)

  afterEach(async () => await daemon.stop())

  it('names its commands, exit statuses and forms in --help', async () => {
    await start()
    const { status, out } = await command(['--help'])
    assert.equal(status, 0)
    const found = [...out.matchAll(/^ {2}([a-z]+)\b.*$/gm)].map(match => match[1])
    assert.deepEqual(found, [
      'up',
      'down',
      'status',
      'invite',
      'peers',
      'limits',
      'transfers',
      'works',
      'run',
      'share',
      'put',
      'alias',
      'unshare',
      'get',
      'ls',
      'stat',
      'history',
      'providers',
      'why',
      'watch',
      'cat',
      'drop',
      'help'
    ])
    assert.match(out, /4 no daemon answers/)
    for (const name of found.slice(0, -1)) {
      const help = await command([name ?? '', '--help'])
      assert.equal(help.status, 0, name)
      assert.match(help.out, /Examples:\n {2}\S/, name)
      assert.match(help.out, /--json/, name)
    }
  })

  it('answers wrong usage with 2 and a hint', async () => {
    await start()
    for (const argv of [
      ['get'],
      ['get', 'a/b', '--stor'],
      ['nonsense'],
      [],
      ['get', 'a/b', '--timeout', '5'],
      ['cat', 'a/b', '--range', '5-1'],
      ['get', 'a/b', '--store', '--to', 'x'],
      ['limits', '--upload', '20Mbit/s'],
      ['limits', '--download', '1kB/s'],
      ['up', '--upload-limit', 'fast'],
      ['up', '--lane-port', '65536'],
      ['why', 'gpu-1', '--version', '3']
    ]) {
      const { status, out, err } = await command(argv)
      assert.deepEqual([status, out], [2, ''], argv.join(' '))
      assert.notEqual(err, '', argv.join(' '))
    }
    assert.match((await command(['get', 'a/b', '--stor'])).err, /Did you mean --store\?/)
    const { status, err } = await command(['get', '--json', '--nonsense'])
    assert.equal(status, 2)
    assert.match(err, /^\{"error":\{"code":"INVALID_ARGUMENT","message":"unknown option '--nonsense'/)
    assert.equal((await command(['get', 'nothing'])).status, 2)
    assert.equal(daemon.received.length, 0)
  })

  it('answers 4 and says what to type when no daemon runs', async () => {
    await start()
    const folder = join(daemon.folder, 'none')
    const { status, out, err } = await command(['status', '--data', folder])
    assert.deepEqual([status, out], [4, ''])
    assert.match(err, /Start one: pathmesh up --detach --data .*none \[DAEMON_UNREACHABLE\]\n$/)
  })

  it('turns codes into exit statuses, and into JSON', async () => {
    const codes = { NOT_FOUND: 3, NO_PROVIDERS: 6, DENIED: 7, IO: 1 } as const
    for (const code of ['NOT_FOUND', 'NO_PROVIDERS', 'DENIED', 'IO'] as const) {
      await start({ stat: fail(code, 'why') })
      const { status, out, err } = await command(['stat', 'a/b', '--json'])
      assert.deepEqual([status, out], [codes[code], ''])
      const [value] = values(err)
      assert.ok(typeof value === 'object' && value !== null && 'error' in value)
      assert.deepEqual(value.error, { code, message: 'why', retryable: code === 'NO_PROVIDERS' || code === 'IO' })
      if (code !== 'IO') await daemon.stop()
    }
  })

  it('prints the JSON that it documents', async () => {
    await start({
      share: lines(PROGRESS, SHARED),
      get: lines(PROGRESS, GOT),
      names: lines(NAME, NAME),
      invite: json({ invite: 'i', expires: null }),
      unshare: json({ url: NAME.url, seq: 4 }),
      drop: json({ roots: 1, files: 2, bytes: 3 })
    })
    const one = async (...argv: string[]): Promise<unknown[]> => values((await command([...argv, '--json'])).out)
    assert.deepEqual(await one('status'), [STATUS])
    assert.deepEqual(await one('invite'), [{ invite: 'i', expires: null }])
    const { cid, kind, size, seq, origin, kept, copies, url } = SHARED
    assert.deepEqual(await one('share', '.', '--as', 'train/model.bin'), [
      { url, cid, kind, size, seq, origin, kept, copies }
    ])
    const { event, path, bytesFetched, seconds, providers } = GOT
    assert.deepEqual(await one('get', 'train/model.bin'), [
      PROGRESS,
      { event, path, cid, seq, size, bytesFetched, seconds, providers }
    ])
    assert.deepEqual(await one('ls', 'train/'), [NAME, NAME])
    assert.deepEqual(await one('unshare', 'train/model.bin'), [{ url: NAME.url, seq: 4 }])
    assert.deepEqual(await one('drop', 'train/model.bin'), [{ url: NAME.url, roots: 1, files: 2, bytes: 3 }])
  })

  it('puts what it gets where the user says', async () => {
    await start({ get: lines(GOT) })
    const to = async (...argv: string[]): Promise<unknown> => {
      await command(['get', ...argv])
      const body = daemon.bodies('get').at(-1)
      return typeof body === 'object' && body !== null && 'to' in body ? body.to : undefined
    }
    const at = (path: string): string => join(daemon.folder, path)
    assert.equal(await to('train/a/model.bin'), at('model.bin'))
    assert.equal(await to('train/a/model.bin', '--to', 'x'), at('x'))
    assert.equal(await to('train/a/model.bin', '--to', 'x/'), at('x/model.bin'))
    assert.equal(await to(`ipfs://${CID}`), at(CID))
    assert.equal(await to('--store', 'train/a/model.bin'), undefined)
    const { out, err } = await command(['get', 'train/a', '--version', '3'])
    assert.equal(out, '/store/model.bin\n')
    assert.match(err, /2\.0 KiB, version 3: fetched 1\.0 KiB in 0\.5s, 2\.0 KiB\/s from k51/)
  })

  it('takes what begins with a dash behind --', async () => {
    await start({ unshare: json({ url: 'u', seq: 1 }) })
    assert.equal((await command(['unshare', '--json', '--', '-a/b', '--json/c'])).status, 0)
    assert.deepEqual(daemon.bodies('unshare'), [{ ref: 'pathmesh://-a/b' }, { ref: 'pathmesh://--json/c' }])
  })

  it('goes on past failures, and answers 5 when some arguments failed', async () => {
    await start({
      drop: (received, response) => {
        const wrong = JSON.stringify(received.body).includes('bad')
        return (wrong ? fail('IN_USE', 'held') : json({ roots: 1, files: 1, bytes: 1 }))(received, response)
      }
    })
    const some = await command(['drop', '--json', 'a/bad', 'a/good', 'a/bad2'])
    assert.equal(some.status, 5)
    assert.equal(values(some.out).length, 1)
    assert.equal(values(some.err).length, 2)
    assert.match(some.err, /"ref":"a\/bad2"/)
    assert.equal((await command(['drop', 'a/bad'])).status, 1)
    assert.equal((await command(['drop', 'a/bad', 'nonsense'])).status, 1)
  })

  it('writes bytes as they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => 97 + (index % 26)))
    await start({ content: content(bytes) })
    assert.equal((await command(['cat', 'a/b'])).out, bytes.toString())
    assert.equal((await command(['cat', 'a/b', '--range', '1-3'])).out, 'bcd')
    assert.equal((await command(['cat', 'a/b', '--range', '299999-'])).out, bytes.subarray(-1).toString())
  })

  it('shows progress on a terminal only, and wipes it away', async () => {
    await start({ get: lines(PROGRESS, GOT) })
    const seen = await command(['get', 'a/b'], { terminal: true })
    const line = '\rtransferring  50%  1.0 KiB of 2.0 KiB  512 B/s  2.0s left\u001b[K'
    assert.ok(seen.err.startsWith(`${line}\r\u001b[K2.0 KiB`), JSON.stringify(seen.err))
    assert.ok(!(await command(['get', 'a/b'])).err.includes('\r'))
    assert.ok(!(await command(['get', 'a/b', '--json'], { terminal: true })).err.includes('\r'))
  })

  it('escapes what would act on a terminal, but not in JSON', async () => {
    const path = 'a\u001b[31m\u202e\n'
    await start({ names: lines({ ...NAME, path }), stat: fail('NOT_FOUND', `no \u001b]0;x\u0007 ${path}`) })
    const { out } = await command(['ls'])
    assert.ok(out.includes('train/a\\x1b[31m\\u202e\\x0a'), out)
    assert.ok(!(await command(['stat', 'a/b'])).err.includes('\u001b'))
    const [value] = values((await command(['ls', '--json'])).out)
    assert.deepEqual(value, { ...NAME, path })
  })

  it('answers 130 when it is interrupted', async () => {
    const abort = new AbortController()
    await start({
      get: (_, response) => {
        response.write('{}\n')
        abort.abort(new DOMException('stopped by SIGINT', 'AbortError'))
      }
    })
    assert.equal((await command(['get', 'a/b'], { signal: abort.signal })).status, 130)
  })

  it('runs the daemon in its own process, with its exit status', async () => {
    await start()
    const { status, out, err } = await command(['up', '--listen', '/a', '--listen', '/b', '--join', '-'])
    assert.deepEqual([status, out], [7, `ready invite /a,/b ${PEER} /s\n`])
    assert.match(err, /new mesh/)
    const [value] = values((await command(['up', '--json'])).out)
    assert.deepEqual(value, {
      event: 'ready',
      peerId: PEER,
      name: ' ',
      meshId: 'm',
      created: true,
      addresses: [],
      socket: '/s'
    })
  })
})
