// What is told while the references of a call are fetched, several at a time: one line of progress for all of them.

import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'mocha'
import { connect } from '../../../client/index.ts'
import { fetchReferences } from '../../../client/work/fetch-references.ts'
import type { Progress } from '../../../proto/api.ts'
import { CALL_PROGRESS_PROVIDERS_MAX } from '../../../proto/limits.ts'
import { FakeDaemon, GOT, json, lines, PROGRESS } from '../fake-daemon.ts'

describe('the references of a call', () => {
  let daemon: FakeDaemon

  afterEach(async () => await daemon.stop())

  /** What is told of two that come one after the other, or side by side. */
  const told = async (...each: readonly Partial<Progress>[]): Promise<Progress[]> => {
    let asked = 0
    const seen: Progress[] = []
    daemon = await FakeDaemon.start({
      session: (_, response) => void response.write(`${JSON.stringify({ session: 's' })}\n`),
      release: json({}),
      // None ends before there was progress of each.
      get: async (received, response) => {
        const at = asked++
        response.write(`${JSON.stringify({ ...PROGRESS, ...each[at] })}\n`)
        while (seen.length < each.length) await new Promise(resolve => setImmediate(resolve))
        await lines(GOT)(received, response)
      }
    })
    await using mesh = await connect({ socket: daemon.socket })
    const wanted = each.map((_, at) => ({ where: `${at}`, reference: mesh.path(`train/${at}`) }))
    await (
      await fetchReferences(wanted, { onProgress: progress => seen.push(progress) })
    )()
    return seen
  }

  it('are told as one: the longest time, and each node once with all that it sends', async () => {
    const sends = (peerId: string, bytes: number, bytesPerSecond: number) =>
      ({ peerId, bytes, bytesPerSecond, via: 'lane' }) as const
    const last = (
      await told(
        { etaSeconds: 3, providers: [sends('a', 10, 1), sends('b', 1, 5)] },
        { etaSeconds: 8, providers: [sends('a', 20, 2)] }
      )
    ).at(-1)
    assert.deepEqual([last?.bytes, last?.etaSeconds], [2 * PROGRESS.bytes, 8])
    assert.deepEqual(last?.providers, [sends('b', 1, 5), sends('a', 30, 3)])
  })

  it('say nothing of the time where nothing is known of it', async () => {
    assert.equal((await told({ etaSeconds: null })).at(-1)?.etaSeconds, null)
  })

  it('name so many nodes as fit into the progress of a call', async () => {
    const providers = Array.from(
      { length: CALL_PROGRESS_PROVIDERS_MAX + 1 },
      (_, n) => ({ peerId: `${n}`, bytes: 1, bytesPerSecond: n, via: 'stream' }) as const
    )
    const last = (await told({ providers })).at(-1)
    assert.equal(last?.providers.length, CALL_PROGRESS_PROVIDERS_MAX)
    assert.equal(last?.providers[0]?.peerId, String(CALL_PROGRESS_PROVIDERS_MAX))
  })
})
