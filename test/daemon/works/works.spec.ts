// Works of several nodes, over the protocol between them: which node a call goes to, what passes, and what others are told.

import assert from 'node:assert/strict'
import { setMaxListeners } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { silentLog } from '../../../daemon/log.ts'
import { answer, Caller } from '../../../daemon/rpc.ts'
import { Works } from '../../../daemon/works/works.ts'
import type { KnownWork } from '../../../daemon/sharing/works.ts'
import { PathmeshError } from '../../../proto/errors.ts'
import {
  CALL_ANSWER_MS,
  CALL_ARGS_BYTES_MAX,
  CALL_EVENTS_MS,
  CALL_KEPT_MS,
  COPIES_MS,
  FRAME_HEADER_BYTES_MAX,
  LOG_LINE_CHARS_MAX,
  WORK_STATE_BYTES_MAX
} from '../../../proto/limits.ts'
import type { HostLine, HostRequest } from '../../../proto/works-api.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { duplexPair, type MemoryEnd } from '../../helpers/memory-duplex.ts'
import { collect, failsWith } from '../../helpers/trees.ts'
import { HASH, idOf, MemoryNotes, MemoryRows } from './hosting-node.ts'

const never = new AbortController().signal

/** Nodes called a, b, c…, each connected to all others. */
class Mesh {
  readonly clock = new ManualClock()
  readonly nodes = new Map<string, Works<() => void>>()
  /** Nodes that are connected and do not answer. */
  readonly silent = new Set<string>()
  readonly gone = new Set<string>()
  readonly holders = new Map<string, string>()
  readonly lines: KnownWork[] = []
  isSynced = true
  /** What each was to know before it went on, and when it did. */
  readonly reached: { node: string; reach: Readonly<Record<string, number>> }[] = []
  untilReached: Promise<void> = Promise.resolve()
  readonly #disks = new Map<string, { readonly rows: MemoryRows; readonly sent: MemoryNotes<string> }>()
  readonly #ends: MemoryEnd[] = []
  readonly #hosts = new AbortController()

  constructor() {
    setMaxListeners(0, this.#hosts.signal)
  }

  /** A node; where one of that name was there before, its daemon is another, on the same disk. */
  add(self: string): Works<() => void> {
    const disk = this.#disks.get(self) ?? { rows: new MemoryRows(), sent: new MemoryNotes<string>() }
    this.#disks.set(self, disk)
    const callers = (kind: string) => {
      const open = new Map<string, Caller>()
      return async (peer: string): Promise<Caller> => {
        if (this.gone.has(peer)) throw new PathmeshError('NO_PROVIDERS', `${peer} cannot be reached`)
        const known = open.get(peer + kind)
        if (known !== undefined) return known
        const caller = new Caller(this.#connect(self, peer))
        open.set(peer + kind, caller)
        return caller
      }
    }
    const works = new Works({
      self,
      nodeName: self,
      rows: disk.rows,
      sent: disk.sent,
      hostedNames: disk.rows.hosted,
      openWork: async ({ name }) => ({ work: name, origin: self, folder: `/${self}/${name}` }),
      commands: callers('commands'),
      questions: callers('questions'),
      catalogue: {
        reach: { [self]: 7 },
        reached: async reach => {
          this.reached.push({ node: self, reach })
          await this.untilReached
        }
      },
      nodes: {
        connected: () => [...this.nodes.keys()].filter(peer => peer !== self && !this.gone.has(peer)),
        called: node => [node, ...(node === 'twins' ? ['a', 'b'] : [])],
        isKnown: peer => this.nodes.has(peer),
        nameOf: peer => `node ${peer}`,
        holder: async work => this.holders.get(work),
        isSynced: () => this.isSynced,
        works: () => listed(this.lines)
      },
      clock: this.clock,
      log: silentLog
    })
    this.nodes.set(self, works)
    return works
  }

  /** The lines that a program which hosts a work gets. */
  async host(node: Works<() => void>, request: Partial<HostRequest> = {}): Promise<HostLine[]> {
    const hosted: HostRequest = { work: 'train', hash: HASH, module: '/app/train.ts', hosted: true, ...request }
    const lines: HostLine[] = []
    const read = async (): Promise<void> => {
      for await (const line of node.host(hosted, this.#hosts.signal)) lines.push(line)
    }
    void read()
    await settled()
    return lines
  }

  async close(): Promise<void> {
    this.#hosts.abort()
    for (const works of this.nodes.values()) works.stop()
    for (const end of this.#ends) end.abort(new Error('over'))
    await settled()
  }

  #connect(self: string, peer: string): MemoryEnd {
    const [left, right] = duplexPair(4 * 1024 * 1024)
    this.#ends.push(left, right)
    const [asking, serving] = [named(left, peer), named(right, self)]
    if (!this.silent.has(peer)) void answer(serving, this.nodes.get(peer)?.handlers() ?? {})
    return asking
  }
}

async function* listed<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

/** The same end, of a peer of that name. */
function named(end: MemoryEnd, peer: string): MemoryEnd {
  return Object.defineProperty(end, 'peer', { value: peer })
}

const line = (work: string, origin: string): KnownWork => ({
  work,
  origin,
  node: `node ${origin}`,
  connected: true,
  home: true,
  epoch: 1,
  names: 2
})

describe('works of several nodes', () => {
  let mesh: Mesh
  let [a, b, c]: Works<() => void>[] = []
  const request = { id: '', work: 'train', args: [] }
  beforeEach(() => {
    mesh = new Mesh()
    ;[a, b, c] = ['a', 'b', 'c'].map(name => mesh.add(name))
    request.id = idOf('x')
  })
  afterEach(() => mesh.close())

  it('are called, followed and cancelled from another', async () => {
    assert.ok(a && b)
    const lines = await mesh.host(b)
    assert.deepEqual(await a.call({ ...request, node: 'b', args: [1], state: { x: 1 } }, never), {
      node: 'b',
      known: false
    })
    assert.deepEqual(await a.call({ ...request, node: 'b' }, never), { node: 'b', known: true })
    await settled()
    assert.deepEqual(lines.at(-1), { event: 'call', id: request.id, args: [1], state: { x: 1 } })
    await b.report({ id: request.id, phase: 'running', state: { epoch: 1 } })
    const first = await a.events({ id: request.id, node: 'b' }, never)
    assert.deepEqual([first.phase, first.state], ['running', { epoch: 1 }])
    const waiting = a.events({ id: request.id, node: 'b', after: String(first.next) }, never)
    await a.cancel({ id: request.id, node: 'b' }, never)
    await settled()
    assert.deepEqual(lines.at(-1), { event: 'cancel', id: request.id })
    await b.report({ id: request.id, outcome: { ok: true, result: [1] } })
    assert.deepEqual((await waiting).outcome, { ok: true, result: [1] })
  })

  it('see what their caller has seen, and let it see what they have', async () => {
    assert.ok(a && b)
    const lines = await mesh.host(b)
    let reached = (): void => undefined
    mesh.untilReached = new Promise(resolve => (reached = resolve))
    const called = a.call({ ...request, node: 'b' }, never)
    await settled()
    assert.deepEqual(mesh.reached, [{ node: 'b', reach: { a: 7 } }])
    assert.equal(lines.at(-1)?.event, 'hosting')
    reached()
    await called
    await settled()
    assert.equal(lines.at(-1)?.event, 'call')
    await b.report({ id: request.id, phase: 'running' })
    const { next } = await a.events({ id: request.id, node: 'b' }, never)
    assert.equal(mesh.reached.length, 1)
    await b.report({ id: request.id, outcome: { ok: true, result: null } })
    await a.events({ id: request.id, node: 'b', after: String(next) }, never)
    assert.deepEqual(mesh.reached.at(-1), { node: 'a', reach: { b: 7 } })
  })

  it('are handed requests that are larger than a header, up to their bounds', async () => {
    assert.ok(a && b)
    const lines = await mesh.host(b)
    const args = ['x'.repeat(CALL_ARGS_BYTES_MAX - 4)]
    const state = { s: 'y'.repeat(WORK_STATE_BYTES_MAX - 8) }
    await a.call({ ...request, node: 'b', args, state }, never)
    await settled()
    assert.deepEqual(lines.at(-1), { event: 'call', id: request.id, args, state })
    await b.report({ id: request.id, outcome: { ok: true, result: 0 } })
    for (const bytes of [-1100, -1024, -900, 0]) {
      const text = 'z'.repeat(FRAME_HEADER_BYTES_MAX + bytes - 100)
      const known = await a.call({ ...request, id: idOf('y'), node: 'b', args: [text] }, never)
      assert.equal(known.known, false)
    }
    const tooMuch = a.call({ ...request, id: idOf('y'), node: 'b', args: [`${args[0]}z`] }, never)
    await assert.rejects(tooMuch, failsWith('TOO_LARGE', /arguments/))
  })

  it('answer with as much as there is to tell, also over a connection', async () => {
    assert.ok(a && b)
    await mesh.host(b)
    await a.call({ ...request, node: 'b' }, never)
    const logs = Array.from({ length: 250 }, () => ({
      stream: 'stderr' as const,
      text: '\u0001'.repeat(LOG_LINE_CHARS_MAX)
    }))
    await b.report({ id: request.id, logs, state: { s: 'y'.repeat(WORK_STATE_BYTES_MAX - 8) } })
    await b.report({ id: request.id, outcome: { ok: true, result: 'done' } })
    let told = 0
    for (let after = '0', isOver = false; !isOver;) {
      const events = await a.events({ id: request.id, node: 'b', after }, never)
      told += events.logs.length
      after = String(events.next)
      isOver = events.outcome !== null
    }
    assert.equal(told, logs.length)
  })

  it('are called without a node here if hosted here, else where the work lives, and there again', async () => {
    assert.ok(a && b && c)
    await mesh.host(b)
    mesh.holders.set('train', 'b')
    assert.equal((await a.call(request, never)).node, 'b')
    await mesh.host(c)
    mesh.holders.set('train', 'c')
    assert.deepEqual(await a.call(request, never), { node: 'b', known: true })
    assert.equal((await a.events({ id: request.id }, never)).phase, 'starting')
    await a.cancel({ id: request.id }, never)
    await mesh.host(a)
    const here = { ...request, id: idOf('here') }
    assert.equal((await a.call(here, never)).node, 'a')
    assert.equal((await a.call({ ...here, node: 'a' }, never)).known, true)
    assert.equal((await a.events({ id: here.id }, never)).phase, 'starting')
  })

  it('are called without a node where they were before, for a day, although the caller was restarted', async () => {
    assert.ok(a && b && c)
    await mesh.host(b)
    mesh.holders.set('train', 'b')
    await a.call(request, never)
    a.stop()
    await mesh.host(c)
    mesh.holders.set('train', 'c')
    const again = mesh.add('a')
    await again.open()
    assert.deepEqual(await again.call(request, never), { node: 'b', known: true })
    assert.equal((await again.events({ id: request.id }, never)).phase, 'starting')
    await mesh.clock.advance(CALL_KEPT_MS + 1)
    const later = mesh.add('a')
    await later.open()
    assert.deepEqual(await later.call(request, never), { node: 'c', known: false })
  })

  it('are called on one node under one id: not on another, unless the first refused', async () => {
    assert.ok(a && b && c)
    await mesh.host(c)
    await assert.rejects(a.call({ ...request, node: 'b' }, never), failsWith('NOT_FOUND', /no program hosts/))
    assert.equal((await a.call({ ...request, node: 'c' }, never)).node, 'c')
    await mesh.host(b)
    mesh.holders.set('train', 'b')
    await assert.rejects(a.call({ ...request, node: 'b' }, never), failsWith('ALREADY_EXISTS', /made on node c/))
    assert.deepEqual(await a.call(request, never), { node: 'c', known: true })
  })

  it('are not found where nobody knows the node or the work, unless nobody was heard yet', async () => {
    assert.ok(a)
    await assert.rejects(a.call({ ...request, node: 'nobody' }, never), failsWith('NOT_FOUND', /no node .* nobody/))
    await assert.rejects(a.call({ ...request, node: 'twins' }, never), failsWith('AMBIGUOUS_WORK', /PeerId/))
    await assert.rejects(a.call(request, never), failsWith('NOT_FOUND', /no program hosts train on a/))
    await assert.rejects(
      a.call({ ...request, node: 'b' }, never),
      failsWith('NOT_FOUND', /no program hosts train on b/)
    )
    mesh.isSynced = false
    await assert.rejects(a.call({ ...request, node: 'nobody' }, never), failsWith('NOT_SYNCED'))
    await assert.rejects(a.call(request, never), failsWith('NOT_SYNCED'))
  })

  it('are out of reach while their node is not connected: nothing was sent', async () => {
    assert.ok(a)
    mesh.gone.add('b')
    const isUnsent = (error: unknown): boolean =>
      failsWith('NO_PROVIDERS', /node b is not connected/)(error) &&
      error instanceof PathmeshError &&
      error.details?.['sent'] === false
    await assert.rejects(a.call({ ...request, node: 'b' }, never), isUnsent)
    await assert.rejects(a.events({ id: request.id, node: 'b' }, never), isUnsent)
    await assert.rejects(a.cancel({ id: request.id, node: 'b' }, never), isUnsent)
  })

  it('are waited for so long and no longer', async () => {
    assert.ok(a)
    mesh.silent.add('b')
    const start = mesh.clock.now()
    const call = a.call({ ...request, node: 'b' }, never)
    await assert.rejects(mesh.clock.drive(call), failsWith('TIMEOUT'))
    assert.equal(mesh.clock.now() - start, CALL_ANSWER_MS)
    const events = a.events({ id: request.id, node: 'b' }, never)
    await assert.rejects(mesh.clock.drive(events), failsWith('TIMEOUT'))
    assert.equal(mesh.clock.now() - start, 2 * CALL_ANSWER_MS + CALL_EVENTS_MS)
  })

  it('keep private works and the calls of others to themselves', async () => {
    assert.ok(a && b && c)
    await mesh.host(b, { hosted: false })
    await assert.rejects(a.call({ ...request, node: 'b' }, never), failsWith('NOT_FOUND'))
    await b.call(request, never)
    await assert.rejects(a.events({ id: request.id, node: 'b' }, never), failsWith('NOT_FOUND'))
    await assert.rejects(a.cancel({ id: request.id, node: 'b' }, never), failsWith('NOT_FOUND'))
    await mesh.host(b, { work: 'open' })
    const open = { ...request, id: idOf('y'), work: 'open', node: 'b' }
    await a.call(open, never)
    await assert.rejects(c.events({ id: open.id, node: 'b' }, never), failsWith('NOT_FOUND'))
    await assert.rejects(b.events({ id: open.id }, never), failsWith('NOT_FOUND'))
    await assert.rejects(b.call({ ...open, node: 'a' }, never), failsWith('NOT_FOUND'))
  })

  it('look out of reach to others when their daemon stops', async () => {
    assert.ok(a && b)
    await mesh.host(b)
    b.stop()
    await assert.rejects(a.call({ ...request, node: 'b' }, never), failsWith('NO_PROVIDERS', /the daemon of b stops/))
  })

  it('are listed with what they do, where their node says so', async () => {
    assert.ok(a && b && c)
    for (let i = 0; i < 70; i++) await mesh.host(b, { work: `w${i}` })
    await mesh.host(b, { hosted: false, work: 'private' })
    await mesh.host(a, { hosted: false, work: 'own' })
    await a.call({ ...request, work: 'w69', node: 'b' }, never)
    await settled()
    mesh.silent.add('c')
    mesh.lines.push(line('own', 'a'), line('private', 'b'), line('w69', 'b'), line('x', 'c'))
    const start = mesh.clock.now()
    const all = await mesh.clock.drive(collect(a.list(never)))
    assert.equal(mesh.clock.now() - start, COPIES_MS)
    const shown = all.map(({ work, origin, hosting }) => [work, origin, hosting?.phase, hosting?.call])
    assert.deepEqual(shown.slice(0, 4), [
      ['own', 'a', 'idle', null],
      ['private', 'b', undefined, undefined],
      ['w69', 'b', 'starting', request.id],
      ['x', 'c', undefined, undefined]
    ])
    assert.equal(all[3]?.hosting, null)
    assert.deepEqual(
      all.slice(4).map(({ work }) => work),
      Array.from({ length: 69 }, (_, i) => `w${i}`)
    )
    assert.deepEqual(all[4], {
      ...line('w0', 'b'),
      home: false,
      epoch: 0,
      names: 0,
      hosting: { module: '/app/train.ts', hosted: true, phase: 'idle', call: null, since: null, queued: 0 }
    })
  })
})
