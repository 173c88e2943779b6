// oxlint-disable-next-line import/no-unassigned-import -- for its effect, and first
import '../../../daemon/polyfill.ts'
import assert from 'node:assert/strict'
import type { MessageStream } from '@libp2p/interface'
import { lpStream, streamPair } from '@libp2p/utils'
import { secretSuffices } from '../../../daemon/swarm/admission.ts'
import { CREDENTIALS_VERSION, exchangeAsInitiator, exchangeAsResponder } from '../../../daemon/swarm/credentials.ts'
import { hasCode } from '../../../proto/errors.ts'
import { Credentials, Verdict } from '../../../proto/generated/membership.ts'
import { CREDENTIALS_BYTES_MAX } from '../../../proto/limits.ts'

describe('credentials', () => {
  const exchange = { remotePeer: 'k51peer', admission: secretSuffices }
  const none = new Uint8Array(0)

  async function pair(): Promise<[MessageStream, MessageStream]> {
    return await streamPair()
  }

  it('both sides accept each other, and the stream goes on behind the exchange', async () => {
    const [a, b] = await pair()
    await Promise.all([exchangeAsInitiator(a, exchange), exchangeAsResponder(b, exchange)])
    const reading = lpStream(b).read()
    await lpStream(a).write(Uint8Array.of(1, 2))
    assert.deepEqual(Array.from((await reading).subarray()), [1, 2])
  })

  it('an unknown version is refused as INCOMPATIBLE, and the other side is told', async () => {
    const [a, b] = await pair()
    const failed = assert.rejects(exchangeAsResponder(b, exchange), error => hasCode(error, 'INCOMPATIBLE'))
    const channel = lpStream(a)
    await channel.write(Credentials.encode({ version: CREDENTIALS_VERSION + 1, certificate: none }))
    assert.deepEqual(Verdict.decode(await channel.read()), { refusal: 2, version: CREDENTIALS_VERSION })
    await failed
  })

  it('a refusal for the version reaches the initiator as INCOMPATIBLE', async () => {
    const [a, b] = await pair()
    const failed = assert.rejects(exchangeAsInitiator(a, exchange), error => hasCode(error, 'INCOMPATIBLE'))
    const channel = lpStream(b)
    await channel.read()
    await channel.write(Verdict.encode({ refusal: 2, version: 7 }))
    await failed
  })

  it('a message at the limit is taken, one beyond it and one that never ends are refused', async () => {
    for (const [size, fits] of [
      [CREDENTIALS_BYTES_MAX, true],
      [CREDENTIALS_BYTES_MAX + 1, false]
    ] as const) {
      const [a, b] = await pair()
      const message = Credentials.encode({ version: 1, certificate: new Uint8Array(size - 5) })
      assert.equal(message.byteLength, size)
      const responding = exchangeAsResponder(b, exchange)
      responding.catch(() => undefined)
      const channel = lpStream(a)
      await channel.write(message)
      if (fits) assert.equal(Verdict.decode(await channel.read()).refusal, 0)
      else await assert.rejects(responding)
      a.abort(new Error('enough'))
    }
    const [, b] = await pair()
    await assert.rejects(exchangeAsResponder(b, { ...exchange, signal: AbortSignal.timeout(50) }))
  })
})
