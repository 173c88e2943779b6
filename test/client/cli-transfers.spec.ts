// The commands about moving content, run in this process against a daemon of tests: what is fetched, how fast it may go, and why
// something does not come.

import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'mocha'
import type { Progress } from '../../proto/api.ts'
import type { EndedTransfer, Transfer, TransferEvent, TransferProvider } from '../../proto/node-api.ts'
import { ROUTES } from '../../proto/routes.ts'
import type { UpFlags } from '../../proto/up.ts'
import type { WhyPeer, WhyProvider, WhyReference } from '../../proto/why-api.ts'
import { connect } from '../../client/index.ts'
import {
  CID,
  FakeDaemon,
  fail,
  GOT,
  json,
  lines,
  LiveLines,
  PEER,
  PROGRESS,
  STATUS,
  type Answers
} from './fake-daemon.ts'
import { runCommand, values, type Ran, type RunOptions } from './run-command.ts'

const PROVIDER: TransferProvider = {
  peerId: PEER,
  name: 'gpu-1',
  bytes: 1024,
  bytesPerSecond: 512,
  via: 'lane',
  state: 'sending',
  said: null
}
const TRANSFER: Transfer = {
  root: CID,
  name: 'train/model.bin',
  state: 'transferring',
  why: null,
  bytesDone: 1024,
  bytesTotal: 2048,
  filesDone: 0,
  filesTotal: 1,
  bytesPerSecond: 512,
  etaSeconds: 2,
  bytesFetched: 1024,
  providers: [PROVIDER]
}
const WAITING: Transfer = {
  ...TRANSFER,
  state: 'waiting',
  why: 'none of 1 nodes can send it now',
  etaSeconds: null,
  providers: []
}
const FAILED: EndedTransfer = {
  ...TRANSFER,
  state: 'failed',
  at: 1_700_000_000_000,
  error: { code: 'NO_PROVIDERS', message: 'nobody has it' }
}
const event = (transfer: Transfer): TransferEvent => ({ event: 'transfer', ...transfer })
const gone = (ended: EndedTransfer): TransferEvent => ({ event: 'gone', ...ended })

const HOLDER: WhyProvider = {
  peerId: PEER,
  name: 'gpu-1',
  connected: true,
  via: 'stream',
  whyStream: 'its port cannot be reached',
  bannedUntil: null,
  holds: 'all',
  heldBytes: 2048,
  said: { code: 'TIMEOUT', message: 'it sent nothing' },
  transfer: { state: 'resting', bytes: 1024, bytesPerSecond: 0 }
}
const WHY: WhyReference = {
  about: 'reference',
  ref: 'pathmesh://train/model.bin',
  failure: null,
  version: {
    name: 'train/model.bin',
    origin: PEER,
    originName: 'gpu-1',
    seq: 3,
    newest: 4,
    published: 1_700_000_000_000
  },
  cid: CID,
  root: CID,
  kind: 'file',
  size: 2048,
  here: { complete: false, bytes: 1024 },
  transfer: WAITING,
  failed: FAILED,
  providers: [HOLDER, { ...HOLDER, name: 'gpu-2', holds: 'nothing', said: null, transfer: null }],
  help: 'It goes on by itself.'
}
const WHY_PEER: WhyPeer = {
  about: 'peer',
  peerId: PEER,
  name: 'gpu-1',
  connected: true,
  via: 'stream',
  whyStream: 'its port cannot be reached',
  bannedUntil: 1_700_000_000_000,
  addresses: ['/ip4/10.0.0.1/tcp/4747'],
  latencyMs: 2.25,
  lastSeen: null,
  lastError: null,
  nextDialAt: null,
  strikes: 3,
  lastStrike: 'leaf 7',
  sending: { bytes: 2048, bytesPerSecond: 1024 },
  receiving: {
    bytes: 1024,
    bytesPerSecond: 0,
    transfers: [
      {
        root: CID,
        name: null,
        bytes: 1024,
        bytesPerSecond: 0,
        via: 'stream',
        state: 'resting',
        said: { code: 'TIMEOUT', message: 'it sent nothing' }
      }
    ]
  },
  help: 'Check its disk.'
}

describe('the commands of transfers', () => {
  let daemon: FakeDaemon

  const start = async (answers: Answers = {}): Promise<void> => {
    daemon = await FakeDaemon.start(answers)
  }
  const command = async (argv: readonly string[], more: RunOptions = {}): Promise<Ran> =>
    await runCommand(daemon.folder, argv, more)

  afterEach(async () => await daemon.stop())

  it('limits shows both, and changes what is given', async () => {
    await start({ limits: json({ upload: 20 * 2 ** 20, download: 0 }) })
    assert.deepEqual(values((await command(['limits', '--json'])).out), [{ upload: 20 * 2 ** 20, download: 0 }])
    assert.equal((await command(['limits'])).out, 'upload:   20.0 MiB/s\ndownload: none\n')
    const changed = await command(['limits', '--upload', '20MiB/s'])
    assert.match(changed.err, /until the daemon ends/)
    await command(['limits', '--upload', 'none', '--download', '500kB/s'])
    assert.deepEqual(daemon.bodies('setLimits'), [
      undefined,
      undefined,
      { upload: 20 * 2 ** 20 },
      { upload: 0, download: 500_000 }
    ])
  })

  it('limits of the client changes them, and reads them', async () => {
    await start({ limits: json({ upload: 0, download: 100_000 }) })
    await using mesh = await connect({ socket: daemon.socket })
    assert.deepEqual(await mesh.limits(), { upload: 0, download: 100_000 })
    assert.deepEqual(await mesh.setLimits({ download: 100_000, upload: null }), { upload: 0, download: 100_000 })
    assert.deepEqual(daemon.bodies('setLimits').at(-1), { download: 100_000, upload: null })
    await assert.rejects(mesh.setLimits({ upload: Number.NaN }), { code: 'INVALID_ARGUMENT', message: /upload: NaN/ })
    assert.equal(daemon.bodies('setLimits').length, 2)
  })

  it('transfers lists what is fetched: how far, how fast, how long, from whom, and what it waits for', async () => {
    await start({ transfers: lines(event(TRANSFER), event({ ...WAITING, name: null })) })
    const [head, moving, waiting] = (await command(['transfers'])).out.split('\n')
    assert.match(head ?? '', /^NAME +STATE +DONE +RATE +LEFT +FROM +WAITS FOR$/)
    assert.match(moving ?? '', /^train\/model\.bin +transferring +1\.0 KiB of 2\.0 KiB +512 B\/s +2\.0s +gpu-1 +-$/)
    assert.match(waiting ?? '', new RegExp(`^${CID} +waiting +.* - +- +none of 1 nodes can send it now$`))
    assert.deepEqual(values((await command(['transfers', '--json'])).out)[0], event(TRANSFER))
    assert.deepEqual(daemon.received.at(-1)?.query.get('follow'), null)
  })

  it('transfers says that nothing is fetched, but not into a pipe', async () => {
    await start({ transfers: lines() })
    assert.deepEqual(await command(['transfers']), { status: 0, out: '', err: 'nothing is being fetched\n' })
    assert.deepEqual(await command(['transfers', '--json']), { status: 0, out: '', err: '' })
  })

  it('transfers --follow says each turn and end, and what moves in between on a terminal alone', async () => {
    const live = new LiveLines(event(TRANSFER), event({ ...TRANSFER, bytesDone: 1536 }), event(WAITING), gone(FAILED))
    await start({ transfers: live.answer })
    const follow = async (...argv: string[]): Promise<Ran> => {
      const abort = new AbortController()
      const onOut = (piece: string): void => {
        if (piece.includes('failed')) abort.abort(new DOMException('stopped by SIGINT', 'AbortError'))
      }
      return await command(['transfers', '--follow', ...argv], { terminal: true, signal: abort.signal, onOut })
    }
    const { status, out, err } = await follow()
    assert.deepEqual([status, daemon.received.at(-1)?.query.get('follow')], [130, '1'])
    assert.deepEqual(out.trimEnd().split('\n'), [
      'train/model.bin: transferring, 1.0 KiB of 2.0 KiB, 512 B/s, 2.0s left, from gpu-1 (lane)',
      'train/model.bin: waiting, 1.0 KiB of 2.0 KiB, 512 B/s; none of 1 nodes can send it now',
      'train/model.bin: failed after 1.0 KiB of 2.0 KiB: nobody has it [NO_PROVIDERS]'
    ])
    assert.match(err, /\rtrain\/model\.bin: transferring, 1\.5 KiB/)
    assert.deepEqual(
      values((await follow('--json')).out).map(
        value => typeof value === 'object' && value !== null && 'event' in value && value.event
      ),
      ['transfer', 'transfer', 'transfer', 'gone']
    )
  })

  it('transfers of the client ends with an error when the daemon ends what was to be followed', async () => {
    await start({ transfers: lines(event(TRANSFER)) })
    await using mesh = await connect({ socket: daemon.socket })
    const seen: TransferEvent[] = []
    await assert.rejects(
      async () => {
        for await (const one of mesh.transfers({ follow: true })) seen.push(one)
      },
      { code: 'DAEMON_UNREACHABLE' }
    )
    assert.deepEqual(seen, [event(TRANSFER)])
    for await (const one of mesh.transfers()) seen.push(one)
    assert.equal(seen.length, 2)
  })

  it('why tells of a reference what it is, how far, who said what, and what helps', async () => {
    await start({ why: json(WHY) })
    assert.deepEqual(values((await command(['why', 'train/model.bin', '--version', '3', '--json'])).out), [WHY])
    assert.deepEqual(daemon.received.at(-1)?.query.get('ref'), 'pathmesh://train/model.bin?version=3')
    const { out } = await command(['why', 'train/model.bin'])
    for (const line of [
      /^version: +3 of train\/model\.bin, published by gpu-1 at 2023-11-14 22:13:20; the newest is 4$/m,
      /^here: +1\.0 KiB of 2\.0 KiB, verified$/m,
      /^transfer: +waiting, .*; none of 1 nodes can send it now$/m,
      /^last attempt: +2023-11-14 22:13:20: failed after 1\.0 KiB of 2\.0 KiB: nobody has it \[NO_PROVIDERS\]$/m,
      /^nodes: +1 connected, holds nothing of it$/m,
      /^what helps: +It goes on by itself\.$/m,
      /^gpu-1 +resting +all +stream +1\.0 KiB +0 B\/s +it sent nothing \[TIMEOUT\]$/m
    ])
      assert.match(out, line)
    assert.doesNotMatch(out, /gpu-2/)
  })

  it('why says of which content a transfer is where that is another, and that one was cancelled', async () => {
    const here = { complete: false, bytes: 0 }
    const failed = { ...WHY.failed, error: { code: 'ABORTED', message: 'nobody waits for it any more' } }
    await start({ why: json({ ...WHY, cid: WHY.cid?.replace(/.$/, 'z'), here, failed }) })
    const { out } = await command(['why', 'train/model.bin'])
    assert.match(out, /^here: +as far as the transfer of what it lies in has come$/m)
    assert.match(out, /^transfer: +of train\/model\.bin: waiting/m)
    assert.match(out, /^last attempt: +2023-11-14 22:13:20: cancelled after 1\.0 KiB of 2\.0 KiB$/m)
  })

  it('why of what is no reference is INVALID_ARGUMENT', async () => {
    await start({})
    await using mesh = await connect({ socket: daemon.socket })
    const like: string = JSON.parse('5')
    await assert.rejects(mesh.why(like), { code: 'INVALID_ARGUMENT', message: /a reference is a text/ })
  })

  it('why tells of a reference that means nothing why not', async () => {
    const nothing = { version: null, cid: null, root: null, kind: null, size: null, transfer: null, failed: null }
    const failure = { code: 'NOT_FOUND', message: 'nobody publishes it\u001b[31m' }
    await start({ why: json({ ...WHY, ...nothing, failure, here: { complete: false, bytes: 0 }, providers: [] }) })
    const { out } = await command(['why', 'train/model.bin'])
    assert.match(out, /^means: +nobody publishes it\\x1b\[31m \[NOT_FOUND\]\nnodes: +no other node is connected\n/m)
    assert.doesNotMatch(out, /content|here|transfer:/)
  })

  it('why tells of a node how it stands', async () => {
    await start({ why: json(WHY_PEER) })
    assert.deepEqual(values((await command(['why', 'gpu-1', '--json'])).out), [WHY_PEER])
    assert.equal(daemon.received.at(-1)?.query.get('ref'), 'gpu-1')
    const { out } = await command(['why', 'gpu-1'])
    for (const line of [
      /^bytes go over: +the stream; no lane: its port cannot be reached$/m,
      /^wrong bytes: +3 times within the last hour; the last: leaf 7$/m,
      /^left out until: +2023-11-14 22:13:20$/m,
      /^sent to it: +2\.0 KiB, 1\.0 KiB\/s now$/m,
      /^receiving: +bafkr\w+: resting, 1\.0 KiB over a stream, 0 B\/s; it said: it sent nothing \[TIMEOUT\]$/m
    ])
      assert.match(out, line)
  })

  it('why answers 3 for a node that nobody knows', async () => {
    await start({ why: fail('NOT_FOUND', 'no node is called "gpu-9"') })
    const { status, err } = await command(['why', 'gpu-9'])
    assert.equal(status, 3)
    assert.match(err, /gpu-9/)
  })

  it('peers and status tell how bytes travel, and what is fetched', async () => {
    const peer = { peerId: PEER, name: 'gpu-1', addresses: [], connected: true, latencyMs: 1, bytesIn: 1, bytesOut: 0 }
    await start({ peers: lines({ ...peer, lane: 'lane' }), status: json({ ...STATUS, transfers: [TRANSFER] }) })
    assert.match((await command(['peers'])).out, /^gpu-1 +connected +1\.0 ms +lane +1 B/m)
    const { out } = await command(['status'])
    assert.match(out, /^fetching: +train\/model\.bin: transferring, .* 512 B\/s, 2\.0s left, from gpu-1 \(lane\)$/m)
  })

  it('get tells how long it will take, from how many nodes, and what it waits for', async () => {
    const provider = { peerId: PEER, name: 'gpu-1', bytes: 1, bytesPerSecond: 1, via: 'lane' } as const
    const progress = { ...PROGRESS, etaSeconds: 8, providers: [provider, { ...provider, name: undefined }] }
    await start({ get: lines({ ...progress, why: 'gpu-1 rests' }, GOT) })
    const { err } = await command(['get', 'a/b'], { terminal: true, columns: 120 })
    assert.match(err, /512 B\/s {2}8\.0s left {2}from 2 nodes {2}gpu-1 rests/)
    await using mesh = await connect({ socket: daemon.socket })
    const told: Progress[] = []
    await mesh.path('a/b').get({ to: `${daemon.folder}/x`, onProgress: one => told.push(one) })
    assert.deepEqual([told[0]?.etaSeconds, told[0]?.providers[0]], [8, provider])
  })

  it('get says nothing of the time where the rate says nothing of it', async () => {
    await start({ get: lines({ ...PROGRESS, phase: 'structure', etaSeconds: null }, GOT) })
    assert.doesNotMatch((await command(['get', 'a/b'], { terminal: true })).err, /left/)
    await daemon.stop()
    await start({ get: lines({ ...PROGRESS, phase: 'copying', etaSeconds: null }, GOT) })
    assert.match((await command(['get', 'a/b'], { terminal: true })).err, /2\.0s left/)
  })

  it('up hands its limits and its lane port to the daemon', async () => {
    await start()
    const flags: UpFlags[] = []
    const up = async (...argv: string[]): Promise<UpFlags | undefined> => {
      await command(['up', ...argv], { onUp: given => flags.push(given) })
      return flags.pop()
    }
    const set = await up('--upload-limit', '20MiB/s', '--download-limit', 'none', '--lane-port', '4750', '--no-lanes')
    const { uploadLimit, downloadLimit, lanePort, lanes } = set ?? {}
    assert.deepEqual([uploadLimit, downloadLimit, lanePort, lanes], [20 * 2 ** 20, 0, 4750, false])
    assert.deepEqual(Object.keys((await up()) ?? {}), ['data', 'socket'])
  })

  it('have routes that differ in their method alone', () => {
    assert.deepEqual([ROUTES.limits.path, ROUTES.limits.method], [ROUTES.setLimits.path, 'get'])
    assert.equal(ROUTES.setLimits.method, 'put')
  })
})
