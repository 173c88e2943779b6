// Progress beside work: the newest now and then, the result always, and an end for work that nobody waits for.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { withProgress } from '../../../daemon/admin/stream.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { collect } from '../../helpers/trees.ts'

interface Step {
  readonly n: number
}
interface Result {
  readonly done: true
}
const never = new AbortController().signal
const done: Result = { done: true }

describe('withProgress()', () => {
  it('yields the result alone where there was no progress', async () => {
    assert.deepEqual(await collect(withProgress<Step, Result>(never, async () => done)), [done])
  })

  it('yields progress first and the result last', async () => {
    let finish: (result: Result) => void = () => undefined
    const lines = withProgress<Step, Result>(never, (_, report) => {
      report({ n: 1 })
      return new Promise(resolve => (finish = resolve))
    })
    assert.deepEqual((await lines.next()).value, { n: 1 })
    finish(done)
    assert.deepEqual(await collect(lines), [done])
  })

  it('yields the result alone of what is done at once', async () => {
    const all = await collect(
      withProgress<Step, Result>(never, async (_, report) => {
        report({ n: 1 })
        await settled()
        return done
      })
    )
    assert.deepEqual(all, [done])
  })

  it('spares a slow reader all but the newest, and never the result', async () => {
    let report: (step: Step) => void = () => undefined
    let finish: (result: Result) => void = () => undefined
    const lines = withProgress<Step, Result>(never, (_, onProgress) => {
      report = onProgress
      return new Promise(resolve => (finish = resolve))
    })
    const first = lines.next()
    report({ n: 0 })
    assert.deepEqual((await first).value, { n: 0 })
    for (let n = 1; n <= 1000; n++) report({ n })
    assert.deepEqual((await lines.next()).value, { n: 1000 })
    for (let n = 1; n <= 1000; n++) report({ n })
    finish(done)
    await settled()
    assert.deepEqual(await collect(lines), [done])
  })

  it('fails as the work does, also when it fails at once', async () => {
    await assert.rejects(
      collect(withProgress<Step, Result>(never, () => Promise.reject(new Error('at once')))),
      /at once/
    )
    const later = withProgress<Step, Result>(never, async (_, report) => {
      report({ n: 1 })
      await settled()
      throw new Error('later')
    })
    await assert.rejects(collect(later), /later/)
  })

  it('aborts the work when its reader leaves', async () => {
    let signal: AbortSignal | undefined
    const lines = withProgress<Step, Result>(never, (given, report) => {
      signal = given
      report({ n: 1 })
      return new Promise(() => undefined)
    })
    await lines.next()
    assert.equal(signal?.aborted, false)
    await lines.return(done)
    assert.equal(signal?.aborted, true)
  })

  it('hands on an abort, and ends with what the work makes of it', async () => {
    const gone = new AbortController()
    const lines = withProgress<Step, Result>(
      gone.signal,
      signal => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    )
    const next = lines.next()
    await settled()
    gone.abort(new Error('the client is gone'))
    await assert.rejects(next, /the client is gone/)
  })
})
