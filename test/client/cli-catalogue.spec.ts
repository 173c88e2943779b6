// The commands of the catalogue, run in this process against a daemon of tests.

import assert from 'node:assert/strict'
import { META_BYTES_MAX } from '../../proto/limits.ts'
import {
  FakeDaemon,
  GOT,
  json,
  lines,
  LiveLines,
  NAME,
  PEER,
  problem,
  PROGRESS,
  RETIRED,
  SHARED,
  STAT,
  VERSION,
  WATCHING,
  type Answers
} from './fake-daemon.ts'
import { runCommand, values, type Ran, type RunOptions } from './run-command.ts'

const OTHER = 'k51qzi5uqu5dh9ihj4p2v5sl3hxvv27ryx2w0xrsv6jmmqi91t9xp8p9kaipc2'
const PEERS = lines({
  peerId: OTHER,
  name: 'laptop',
  addresses: [],
  connected: true,
  lane: null,
  latencyMs: null,
  bytesIn: 0,
  bytesOut: 0
})
const WORK = {
  work: 'train',
  origin: PEER,
  node: 'gpu-1',
  connected: true,
  home: true,
  epoch: 1,
  names: 2,
  hosting: null
}
const { event: _e, work: _w, path: _p, modified: _m, unchanged: _u, ...ALIASED } = SHARED

describe('the commands of the catalogue', () => {
  let daemon: FakeDaemon

  const start = async (answers: Answers): Promise<void> => {
    daemon = await FakeDaemon.start({ peers: PEERS, ...answers })
  }
  const command = async (argv: readonly string[], more: RunOptions = {}): Promise<Ran> =>
    await runCommand(daemon.folder, argv, more)
  const query = (route: string): object | undefined => {
    const found = daemon.received.findLast(({ path }) => path === `/v1/${route}`)
    return found === undefined ? undefined : Object.fromEntries(found.query)
  }
  /** Runs it until `lines` lines were printed, then presses Ctrl-C. */
  const interrupted = async (argv: readonly string[], lineCount: number): Promise<Ran> => {
    const abort = new AbortController()
    let seen = ''
    const onOut = (piece: string): void => {
      seen += piece
      if (seen.split('\n').length > lineCount) abort.abort(new DOMException('stopped by SIGINT', 'AbortError'))
    }
    return await command(argv, { signal: abort.signal, onOut })
  }

  afterEach(async () => await daemon.stop())

  it('refuse malformed flags with 2, and say what is wanted', async () => {
    await start({})
    const long = JSON.stringify({ a: 'x'.repeat(META_BYTES_MAX) })
    for (const [argv, hint] of [
      [['alias', 'a/b'], /missing required argument 'ref'/],
      [['alias', 'a', 'a/b'], /WORK\/PATH/],
      [['alias', 'a/c', 'a/b', '--meta', '{'], /JSON object/],
      [['alias', 'a/c', 'a/b', '--meta', '[1]'], /JSON object/],
      [['share', '.', '--meta', '"x"'], /JSON object/],
      [['share', '.', '--meta', long], /at most 4096/],
      [['share', '.', '--keep', '11'], /from 0 to 10/],
      [['share', '.', '--keep', '-1'], /from 0 to 10|argument missing/],
      [['share', '.', '--keep', '1.5'], /from 0 to 10/],
      [['share', '.', '--settle', '5s'], /--settle goes with --watch only/],
      [['share', '.', '--marker', 'x'], /--marker goes with --watch only/],
      [['share', '.', '--watch', '--marker', 'a/b'], /without a slash/],
      [['share', '.', '--watch', '--settle', '5'], /500ms, 30s/],
      [['share', '.', '--watch', '--meta', '{}'], /cannot be used with option '--watch'/],
      [['get', 'a/b', '--wait', 'long'], /500ms, 30s/],
      [['ls', '--local', '--remote'], /cannot be used with option '--remote'/],
      [['watch', '--after', ''], /cursor/],
      [['ls', 'ipfs://bafk'], /begins no name/],
      [['history'], /missing required argument 'ref'/],
      [['providers', 'nonsense'], /WORK\/PATH/]
    ] as const) {
      const { status, out, err } = await command(argv)
      assert.deepEqual([status, out], [2, ''], argv.join(' '))
      assert.match(err, hint, argv.join(' '))
    }
    assert.deepEqual(
      daemon.received.filter(({ path }) => path !== '/v1/status'),
      []
    )
  })

  it('print the JSON that they document', async () => {
    const provider = { peerId: OTHER, name: 'laptop', complete: true, bytes: 2048 }
    await start({
      names: lines(NAME),
      history: lines(RETIRED, VERSION),
      providers: lines(provider),
      works: lines(WORK),
      alias: json(ALIASED),
      stat: json({ ...STAT, aliasOf: 'pathmesh://a/b?version=3' })
    })
    const out = async (...argv: string[]): Promise<unknown[]> => values((await command([...argv, '--json'])).out)
    assert.deepEqual(await out('ls', 'train/', '--all-versions', '--remote'), [NAME])
    assert.deepEqual(query('names'), { prefix: 'train/', versions: 'all', local: 'false' })
    await out('ls', '--local')
    assert.deepEqual(query('names'), { local: 'true' })
    assert.deepEqual(await out('history', 'train/model.bin'), [RETIRED, VERSION])
    assert.deepEqual(await out('providers', 'train/model.bin', '--version', '3'), [provider])
    assert.deepEqual(query('providers'), { ref: 'pathmesh://train/model.bin?version=3' })
    assert.deepEqual(await out('works'), [WORK])
    assert.deepEqual(await out('stat', 'train/model.bin'), [{ ...STAT, aliasOf: 'pathmesh://a/b?version=3' }])
    assert.deepEqual(await out('alias', 'train/good', 'train/model.bin', '--version', '3', '--meta', '{"a":1}'), [
      ALIASED
    ])
    assert.deepEqual(daemon.bodies('alias'), [
      { name: 'train/good', ref: 'pathmesh://train/model.bin?version=3', meta: { a: 1 } }
    ])
  })

  it('name nodes in tables, where their names are their own', async () => {
    const twins = lines(
      ...[OTHER, `${OTHER.slice(0, -1)}3`].map(peerId => ({
        peerId,
        name: 'twin',
        addresses: [],
        connected: true,
        lane: null,
        latencyMs: null,
        bytesIn: 0,
        bytesOut: 0
      }))
    )
    await start({ names: lines(NAME, { ...NAME, origin: OTHER, path: 'b' }), stat: json(STAT), peers: twins })
    const { out } = await command(['ls'])
    assert.match(out, /model\.bin .* gpu-1\n/)
    assert.match(out, new RegExp(`train/b .* ${OTHER}\n`))
    const { out: facts } = await command(['stat', 'train/model.bin'])
    assert.match(facts, new RegExp(`origin: +gpu-1 \\(${PEER}\\)\n`))
    assert.match(facts, new RegExp(`providers: +gpu-1 \\(${PEER}\\)\n`))
  })

  it('say in words what there is', async () => {
    await start({
      history: lines(RETIRED, { ...VERSION, origin: OTHER, aliasOf: 'pathmesh://a/b?version=1' }),
      providers: lines({ peerId: OTHER, name: 'laptop', complete: false, bytes: 1024 }),
      works: lines(WORK, { ...WORK, origin: OTHER, node: null, connected: false, home: false }),
      stat: json({ ...STAT, aliasOf: 'pathmesh://a/b?version=1', conflict: true }),
      alias: json(ALIASED)
    })
    const { out: history } = await command(['history', 'train/model.bin'])
    assert.match(history, / 4 +2023-11-14 22:13:21 .* gpu-1 +retired\n/)
    assert.match(
      history,
      / 3 .* 2\.0 KiB +yes +laptop +bafk\w+ +alias of pathmesh:\/\/a\/b\?version=1 +\{"epoch":3\}\n/
    )
    assert.match((await command(['providers', 'a/b'])).out, /laptop +a part +1\.0 KiB +k51/)
    const { out: works } = await command(['works'])
    assert.match(works, /train +yes +gpu-1 +connected +- +- +2 +k51/)
    assert.match(works, /train +no +- +away +- +- +2 +k51/)
    const { out: facts } = await command(['stat', 'a/b'])
    assert.match(facts, /alias of: +pathmesh:\/\/a\/b\?version=1\n/)
    assert.match(facts, /conflict: +/)
    assert.equal((await command(['alias', 'train/good', 'a/b'])).out, `${ALIASED.url}\n`)
  })

  it('say so when there is nothing', async () => {
    await start({ names: lines(), works: lines(), providers: lines() })
    const err = async (...argv: string[]): Promise<string> => {
      const ran = await command(argv)
      assert.deepEqual([ran.status, ran.out], [0, ''])
      return ran.err
    }
    assert.match(await err('ls'), /no names yet/)
    assert.match(await err('ls', 'x/'), /no name begins with x\//)
    assert.match(await err('ls', 'x/', '--local'), /no local name begins with x\//)
    assert.match(await err('ls', '--remote'), /no remote name\n/)
    assert.match(await err('works'), /no works yet/)
    assert.match(await err('providers', 'a/b'), /no connected node has a\/b/)
  })

  it('get --wait waits for a name', async () => {
    await start({ get: lines(GOT) })
    assert.equal((await command(['get', 'a/b', '--wait', '2m'])).status, 0)
    const [body] = daemon.bodies('get')
    assert.ok(typeof body === 'object' && body !== null && 'waitMs' in body)
    assert.equal(body.waitMs, 120_000)
  })

  it('watch prints what comes, with its cursor, until Ctrl-C', async () => {
    const changes = [
      { ...VERSION, cursor: 'c1' },
      { ...RETIRED, cursor: 'c2' },
      { event: 'gap', missed: 3, cursor: 'c3' }
    ]
    await start({ watch: new LiveLines(WATCHING, {}, ...changes).answer })
    const asJson = await interrupted(['watch', 'train/', '--after', 'c9', '--json'], 4)
    assert.deepEqual([asJson.status, values(asJson.out)], [130, [WATCHING, ...changes]])
    assert.deepEqual(query('watch'), { prefix: 'train/', after: 'c9' })
    const words = await interrupted(['watch'], 2)
    assert.equal(words.status, 130)
    assert.equal(
      words.out,
      '2023-11-14 22:13:20  train/model.bin  version 3  2.0 KiB  gpu-1\n2023-11-14 22:13:21  train/model.bin  retired  gpu-1\n'
    )
    assert.match(words.err, /^watching/)
  })

  it('watch fails when the daemon goes away', async () => {
    await start({ watch: lines(WATCHING) })
    assert.equal((await command(['watch'])).status, 4)
  })

  it('share hands on meta and keep', async () => {
    await start({ share: lines(SHARED) })
    assert.equal((await command(['share', '.', '--meta', '{"epoch":3}', '--keep', '0'])).status, 0)
    const [body] = daemon.bodies('share')
    assert.ok(typeof body === 'object' && body !== null && 'meta' in body && 'keep' in body)
    assert.deepEqual([body.meta, body.keep], [{ epoch: 3 }, 0])
  })

  it('share --watch stays, and tells what it does, until Ctrl-C', async () => {
    const vanished = problem('IO', 'the folder has vanished')
    const published = { ...SHARED, event: 'published' }
    const events = [
      { event: 'watching', path: '/data' },
      PROGRESS,
      { event: 'failed', path: '/data/x', error: problem('DENIED', 'not readable') },
      { event: 'paused', path: '/data', error: vanished },
      { event: 'resumed', path: '/data' },
      published,
      { event: 'retired', url: NAME.url, seq: 4 }
    ]
    await start({ shareWatch: new LiveLines(...events).answer })
    const flags = ['--as', 'train/out', '--settle', '10s', '--marker', '_SUCCESS', '--keep', '1']
    const asJson = await interrupted(['share', '.', '--watch', '--json', ...flags], events.length)
    assert.deepEqual([asJson.status, values(asJson.out)], [130, events])
    const [body] = daemon.bodies('shareWatch')
    assert.ok(typeof body === 'object' && body !== null && 'seen' in body)
    const { seen: _, ...rest } = body
    assert.deepEqual(rest, {
      path: daemon.folder,
      as: 'train/out',
      exclude: ['**/.pathmesh-*.tmp'],
      settleMs: 10_000,
      marker: '_SUCCESS',
      keep: 1
    })
    const words = await interrupted(['share', '.', '--watch'], 2)
    assert.equal(words.status, 130)
    assert.equal(words.out, `${NAME.url}  version 3  2.0 KiB\n${NAME.url}  retired\n`)
    for (const line of [
      'watching /data; Ctrl-C ends it',
      'not published: /data/x: not readable [DENIED]',
      'paused: the folder has vanished [IO]',
      'resumed: /data'
    ])
      assert.ok(words.err.includes(`${line}\n`), words.err)
  })

  it('escape what would act on a terminal', async () => {
    const path = 'a\u001b[31m\n'
    await start({ watch: new LiveLines({ ...VERSION, path, cursor: 'c1' }).answer })
    assert.match((await interrupted(['watch'], 1)).out, /train\/a\\x1b\[31m\\x0a/)
  })
})
