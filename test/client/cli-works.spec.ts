// The commands of Works, run in this process against a daemon of tests: what they ask of it, print, and refuse.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, it } from 'mocha'
import { PathmeshError } from '../../proto/errors.ts'
import {
  FakeDaemon,
  fail,
  json,
  lines,
  LiveLines,
  PEER,
  problem,
  PROGRESS,
  STAT,
  type Answer,
  type Answers
} from './fake-daemon.ts'
import { runCommand, values, type Ran, type RunOptions } from './run-command.ts'

const ID = 'a-call-of-a-test'
const CALLED = json({ node: PEER, known: false })
const QUIET = { next: 1, phase: 'running', state: {}, logs: [], missed: 0, progress: null, outcome: null }
const HOSTING = { module: '/train.js', hosted: true, phase: 'running', call: ID, since: 1_700_000_000_000, queued: 2 }
const WORK = {
  work: 'train',
  origin: PEER,
  node: 'gpu-1',
  connected: true,
  home: true,
  epoch: 1,
  names: 2,
  hosting: HOSTING
}

/** Answers in order; the last answer stays. */
function inOrder(...answers: readonly object[]): Answer {
  let turn = 0
  return (received, response) =>
    json({ ...QUIET, ...answers[Math.min(turn++, answers.length - 1)] })(received, response)
}

/** A module with a Work, as a user writes one. */
async function moduleIn(folder: string): Promise<string> {
  const client = import.meta.resolve('../../client/index.js')
  const module = join(folder, 'train.mjs')
  const run = "run() { console.log('epoch 1'); return 7 }"
  await writeFile(
    module,
    `import { Work } from ${JSON.stringify(client)}\nexport class Train extends Work { ${run} }\n`
  )
  return module
}

const returning = (result: unknown): object => ({ next: 9, phase: 'done', outcome: { ok: true, result } })

describe('the commands of Works', () => {
  let daemon: FakeDaemon

  const start = async (answers: Answers = {}): Promise<void> => {
    daemon = await FakeDaemon.start({ call: CALLED, callEvents: inOrder(returning(null)), ...answers })
  }
  const command = async (argv: readonly string[], more: RunOptions = {}): Promise<Ran> =>
    await runCommand(daemon.folder, argv, more)

  afterEach(async () => await daemon.stop())

  it('works says what is hosted, what it does, and since when', async () => {
    const idle = { ...HOSTING, hosted: false, phase: 'idle', call: null, since: null, queued: 0 }
    await start({
      works: lines(WORK, { ...WORK, work: 'etl', hosting: idle }, { ...WORK, work: 'data', hosting: null })
    })
    const { out } = await command(['works'])
    assert.match(out, /^WORK +HOME +NODE +STATE +HOSTED +SINCE +NAMES +PEER\n/)
    assert.match(out, /train +yes +gpu-1 +connected +running \+2 +2023-11-14 22:13:20 +2 +k51/)
    assert.match(out, /etl +yes +gpu-1 +connected +idle \(here only\) +- +2 +k51/)
    assert.match(out, /data +yes +gpu-1 +connected +- +- +2 +k51/)
    assert.deepEqual(values((await command(['works', '--json'])).out)[0], WORK)
  })

  it('works has commands below it, each with examples; the bare word still lists', async () => {
    await start({ works: lines() })
    assert.match((await command(['works', '--help'])).out, /host .*\n[^]*cancel /)
    for (const name of ['host', 'cancel'])
      assert.match((await command(['works', name, '--help'])).out, /Examples:\n {2}\S[^]*/, name)
    assert.match((await command(['works'])).err, /no works yet/)
  })

  it('run hands over one object of its arguments, JSON where they parse', async () => {
    await start({
      stat: (received, response) => {
        const isPayload = received.query.get('ref')?.includes('metrics') === true
        const facts = isPayload ? { path: 'metrics', codec: 'json', mediaType: 'application/json' } : {}
        return json({ ...STAT, ...facts })(received, response)
      }
    })
    const argv = ['run', 'train', '--on', 'gpu-1', '--id', ID, '--arg', 'epochs=3', '--arg', 'note=a=b']
    const refs = ['--ref', 'model=train/model.bin', '--ref', 'metrics=train/metrics', '--arg', 'deep={"a":[null]}']
    assert.equal((await command([...argv, ...refs])).status, 0)
    const [body] = daemon.bodies('call')
    const { cid, origin, seq, size, kind, providers } = STAT
    const known = { work: 'train', origin, cid, size, seq, providers }
    assert.deepEqual(body, {
      id: ID,
      work: 'train',
      node: 'gpu-1',
      args: [
        {
          epochs: 3,
          note: 'a=b',
          deep: { a: [null] },
          model: { $path: { ...known, path: 'model.bin', kind } },
          metrics: { $payload: { ...known, path: 'metrics', codec: 'json' } }
        }
      ]
    })
    await command(['run', 'train'])
    const bare = daemon.bodies('call').at(-1)
    assert.ok(typeof bare === 'object' && bare !== null && 'args' in bare && !('node' in bare))
    assert.deepEqual(bare.args, [])
  })

  it('run refuses malformed arguments with 2, and asks the daemon for nothing', async () => {
    await start()
    for (const [argv, hint] of [
      [['run'], /missing required argument 'work'/],
      [['run', 'train', '--arg', 'epochs'], /KEY=VALUE/],
      [['run', 'train', '--ref', '=train/x'], /KEY=VALUE/],
      [['run', 'train', '--arg', 'a=1', '--arg', 'a=2'], /"a" is given twice/],
      [['run', 'train', '--arg', 'a=1', '--ref', 'a=train/x'], /"a" is given twice/],
      [['run', 'train', '--timeout', 'long'], /500ms, 30s/],
      [['works', 'cancel'], /missing required argument 'id'/],
      [['works', 'host', './train.js'], /required option '--as <work>'/],
      [['works', 'nonsense'], /too many arguments|unknown command/]
    ] as const) {
      const { status, out, err } = await command(argv)
      assert.deepEqual([status, out], [2, ''], argv.join(' '))
      assert.match(err, hint, argv.join(' '))
    }
    assert.deepEqual(daemon.bodies('call'), [])
    assert.equal((await command(['run', 'train', '--ref', 'a=nonsense'])).status, 2)
  })

  it('run prints what the Work prints to stderr, and what it returns to stdout', async () => {
    const logs = [
      { stream: 'stdout', text: 'epoch \u001b[31m1' },
      { stream: 'stderr', text: 'careful' }
    ]
    const result = { $path: { work: 'train', origin: PEER, path: 'model.bin', seq: 3 } }
    await start({ callEvents: inOrder({ logs, missed: 7 }, returning(result)) })
    const { status, out, err } = await command(['run', 'train', '--id', ID])
    assert.deepEqual([status, values(out)], [0, [result]])
    assert.match(err, new RegExp(`^calling train \\(id ${ID}\\)`))
    assert.ok(err.includes('\u2026 7 lines came too fast, and were not kept\nepoch \\x1b[31m1\ncareful\n'), err)
    await daemon.stop()
    await start()
    assert.equal((await command(['run', 'train'])).out, '')
  })

  it('run shows progress on a terminal, and wipes it away with its phase', async () => {
    const first = { phase: 'fetching', progress: PROGRESS }
    const last = { phase: 'publishing', progress: { ...PROGRESS, phase: 'hashing' } }
    await start({ callEvents: inOrder(first, {}, last, returning(null)) })
    const { err } = await command(['run', 'train'], { terminal: true })
    assert.match(err, /\rtransferring {2}50% {2}/)
    assert.ok(err.includes('\u001b[K\r\u001b[K\rhashing'), JSON.stringify(err))
    assert.ok(err.endsWith('\u001b[K\r\u001b[K'), JSON.stringify(err))
    assert.ok(!(await command(['run', 'train'])).err.includes('\r'))
  })

  it('run --json prints what happens, and the result last', async () => {
    const log = { stream: 'stdout', text: 'epoch 1' }
    const first = { phase: 'fetching', progress: PROGRESS }
    await start({
      callEvents: inOrder(first, { state: { loss: 0.5 }, logs: [log], missed: 1, progress: PROGRESS }, returning([1]))
    })
    const { out, err } = await command(['run', 'train', '--json', '--id', ID, '--on', 'gpu-1'])
    const printed = values(out)
    const last = printed.pop()
    assert.deepEqual(printed, [
      { event: 'phase', phase: 'fetching' },
      PROGRESS,
      { event: 'phase', phase: 'running' },
      { event: 'state', state: { loss: 0.5 } },
      { event: 'missed', lines: 1 },
      { event: 'log', ...log },
      { event: 'phase', phase: 'done' }
    ])
    assert.ok(typeof last === 'object' && last !== null && 'seconds' in last)
    const { seconds, ...done } = last
    assert.equal(typeof seconds, 'number')
    assert.deepEqual(done, { event: 'done', work: 'train', node: 'gpu-1', id: ID, result: [1] })
    assert.equal(err, '')
  })

  it('run shows the stack of what a run threw, and answers 1', async () => {
    const stack = 'RangeError: too few\n    at Train.run (file:///works/train.js:7:11)'
    const thrown = new PathmeshError('WORK_FAILED', 'train failed: RangeError: too few', {
      details: { work: 'train', name: 'RangeError', stack }
    })
    await start({ callEvents: inOrder({ phase: 'done', outcome: { ok: false, error: thrown.toProblem() } }) })
    const { status, err } = await command(['run', 'train'])
    assert.equal(status, 1)
    assert.ok(err.endsWith(`\n${stack}\npathmesh: train failed: RangeError: too few [WORK_FAILED]\n`), err)
    const [value] = values((await command(['run', 'train', '--json'])).err)
    assert.ok(typeof value === 'object' && value !== null && 'error' in value)
    assert.deepEqual(value.error, {
      code: 'WORK_FAILED',
      message: thrown.message,
      retryable: false,
      details: { work: 'train', name: 'RangeError', stack }
    })
  })

  it('run turns outcomes and refusals into exit statuses', async () => {
    await start({ call: fail('NOT_FOUND', 'nobody hosts train') })
    assert.equal((await command(['run', 'train'])).status, 3)
    await daemon.stop()
    const outcome = { ok: false, error: problem('OUTCOME_UNKNOWN', 'nobody can say') }
    await start({ callEvents: inOrder({ outcome }) })
    assert.equal((await command(['run', 'train'])).status, 1)
    assert.equal(daemon.bodies('call').length, 1)
    assert.equal((await command(['run', 'train', '--idempotent'])).status, 1)
    assert.equal(daemon.bodies('call').length, 3)
  })

  it('run cancels the call on Ctrl-C, and answers 130', async () => {
    const abort = new AbortController()
    const answer = inOrder({ phase: 'done', outcome: { ok: false, error: problem('ABORTED', 'cancelled') } })
    await start({
      cancelCall: json({}),
      callEvents: async (received, response) => {
        if (abort.signal.aborted) return await answer(received, response)
        // The first question is left without an answer.
        abort.abort(new DOMException('stopped by SIGINT', 'AbortError'))
      }
    })
    const { status, out, err } = await command(['run', 'train', '--id', ID], { signal: abort.signal })
    assert.deepEqual([status, out], [130, ''])
    assert.match(err, /cancelling/)
    assert.match(err, /^pathmesh: run: cancelled \[ABORTED\]$/m)
    assert.deepEqual(daemon.bodies('cancelCall'), [{ id: ID, node: PEER }])
  })

  it('run cancels the call after --timeout, and answers 6', async () => {
    let asked = 0
    const answer = inOrder({ phase: 'done', outcome: { ok: false, error: problem('ABORTED', 'cancelled') } })
    await start({
      cancelCall: json({}),
      callEvents: async (received, response) => {
        if (asked++ > 0) await answer(received, response)
      }
    })
    const { status, err } = await command(['run', 'train', '--timeout', '50ms'])
    assert.equal(status, 6)
    assert.match(err, /did not end within the 50 ms/)
    assert.equal(daemon.bodies('cancelCall').length, 1)
  })

  it('works cancel finds the node of a call, or takes it', async () => {
    await start({ works: lines({ ...WORK, hosting: null }, WORK), cancelCall: json({}) })
    assert.match((await command(['works', 'cancel', ID])).err, new RegExp(`^cancelled ${ID}\n$`))
    const other = 'another-call-of-a-test'
    assert.deepEqual(values((await command(['works', 'cancel', other, '--json'])).out), [
      { id: other, cancelled: true }
    ])
    await command(['works', 'cancel', other, '--on', 'gpu-2'])
    assert.deepEqual(daemon.bodies('cancelCall'), [{ id: ID, node: PEER }, { id: other }, { id: other, node: 'gpu-2' }])
    await daemon.stop()
    await start({ works: lines(), cancelCall: fail('NOT_FOUND', 'no such call') })
    assert.equal((await command(['works', 'cancel', ID])).status, 3)
    assert.equal((await command(['works', 'cancel', ID, '--data', '/nowhere'])).status, 4)
  })

  it('works host runs calls and tells of them, until Ctrl-C', async function () {
    this.timeout(60_000)
    const hosting = new LiveLines()
    await start({
      report: json({}),
      host: (received, response) => {
        void hosting.answer(received, response)
        hosting.send({ event: 'hosting', work: 'train', origin: PEER, folder: daemon.folder })
        hosting.send({ event: 'call', id: ID, args: [1, { a: [null] }] })
      }
    })
    const module = await moduleIn(daemon.folder)
    const untilDone = async (...flags: string[]): Promise<Ran> => {
      const abort = new AbortController()
      let seen = ''
      const onOut = (piece: string): void => {
        seen += piece
        if (seen.includes('hosting') && /^done|"event":"done"/m.test(seen))
          abort.abort(new DOMException('stopped by SIGINT', 'AbortError'))
      }
      return await command(['works', 'host', 'train.mjs', '--as', 'train', ...flags], { signal: abort.signal, onOut })
    }
    const words = await untilDone('--take-over')
    assert.equal(words.status, 130, words.err)
    assert.match(
      words.out,
      new RegExp(`^hosting train on gpu-1: ${module} \\(hash [0-9a-f]{12}\\); .*: pathmesh run train$`, 'm')
    )
    assert.match(words.out, new RegExp(`^call ${ID}\n(?:.*\n)*done ${ID}$`, 'm'))
    assert.match(words.err, /^train\| epoch 1$/m)
    assert.match(words.err, /^pathmesh: works host: cancelled \[ABORTED\]$/m)
    const [body] = daemon.bodies('host')
    assert.ok(typeof body === 'object' && body !== null && 'hash' in body && 'module' in body)
    const { hash, module: told, ...asked } = body
    assert.deepEqual(asked, { work: 'train', hosted: true, takeOver: true })
    const asJson = values((await untilDone('--json')).out)
    assert.deepEqual(
      asJson.filter(event => JSON.stringify(event).includes('"hosting"')),
      [{ event: 'hosting', work: 'train', node: PEER, folder: daemon.folder, module, hash }]
    )
    assert.ok(String(told).includes(module))
    assert.ok(asJson.some(event => JSON.stringify(event) === JSON.stringify({ event: 'done', id: ID, ok: true })))
    const none = await command(['works', 'host', 'none.mjs', '--as', 'train'])
    assert.deepEqual([none.status, none.out], [3, ''])
  })
})
