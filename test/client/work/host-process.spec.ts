// The process of a Work by itself: what its host keeps of the calls that it has made.

import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { WorkProcess } from '../../../client/work/work-process.ts'
import { until } from '../../helpers/until.ts'
import { FakeDaemon, PEER } from '../fake-daemon.ts'
import { DOER } from './fixtures/hosting-daemon.ts'

const PATIENCE = { readyMs: 10_000, cancelMs: 100, lastWordsMs: 1_000 }

describe('the process of a Work', () => {
  let daemon: FakeDaemon
  let process: WorkProcess

  beforeEach(async () => {
    daemon = await FakeDaemon.start()
    const options = {
      work: 'train',
      module: DOER,
      which: { name: 'Doer' },
      patience: PATIENCE,
      onLine: () => undefined
    }
    process = WorkProcess.start(options)
    await process.load()
    await process.begin({ node: PEER, folder: daemon.folder, socket: daemon.socket })
  })

  afterEach(async () => {
    await process.stop()
    await daemon.stop()
  })

  /** What a call was given, as long as somebody keeps it. */
  async function given(): Promise<WeakRef<object>> {
    const state = { extra: 'large' }
    const onNews = (): void => assert.equal(state.extra, 'large')
    const { signal } = new AbortController()
    const over = await process.call({ id: 'call-of-the-test', args: [{ do: 'nothing' }], state, signal, onNews })
    assert.ok(over?.outcome.ok)
    return new WeakRef(state)
  }

  it('keeps nothing of a call that is over', async () => {
    const state = await given()
    setFlagsFromString('--expose-gc')
    const collect: unknown = runInNewContext('gc')
    assert.ok(typeof collect === 'function')
    await until('it is gone', () => {
      collect()
      return state.deref() === undefined
    })
  })

  it('begins no call once it has ended: another one may', async () => {
    process.kill()
    await process.ended
    const call = { id: 'call-of-the-test', args: [], state: {}, signal: new AbortController().signal }
    assert.equal(await process.call({ ...call, onNews: () => undefined }), undefined)
  })
})
