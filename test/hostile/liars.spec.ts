// Members of the mesh that lie about content: a real daemon fetches from nine of them and one that does not, gets what was
// shared, and says who lied.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'mocha'
import { exchangeHandlers } from '../../daemon/exchange/serve.ts'
import { RateLimit } from '../../daemon/exchange/rate-limit.ts'
import { Turns } from '../../daemon/exchange/turns.ts'
import { answer } from '../../daemon/rpc.ts'
import { systemClock } from '../../daemon/clock.ts'
import { WhyPeer } from '../../proto/why-api.ts'
import { decodeInvite } from '../../proto/invite.ts'
import { LEAF_BYTES } from '../../proto/limits.ts'
import { Content } from '../daemon/exchange/fakes.ts'
import { cleanUp, startNode, type TestNode } from '../daemon/swarm/nodes.ts'
import { type Daemon, must, Scene } from '../helpers/daemons.ts'
import { Seeded } from '../helpers/seeded.ts'
import { file } from '../helpers/trees.ts'
import { until } from '../helpers/until.ts'

const EXCHANGE = '/pathmesh/exchange/1.0.0'
const LIARS = 9
const LEAVES = 24

/** Whom each liar told that its wrong bytes are right. */
type Insisted = Set<string>

/** A member that claims to hold some content, and sends other bytes in its place. */
async function liar(invite: string, content: Content, insisted: Insisted): Promise<TestNode> {
  const { meshId, secret, addresses } = decodeInvite(invite)
  const node = await startNode({ id: meshId, secret, rootKey: null })
  const honest = content.source()
  const handlers = exchangeHandlers({
    source: {
      ...honest,
      async *leaves(cid, ranges, signal) {
        for await (const { index, bytes } of honest.leaves(cid, ranges, signal)) {
          const wrong = Buffer.from(bytes)
          wrong[index] = (wrong[index] ?? 0) ^ 1
          yield { index, bytes: wrong }
        }
      },
      recheck: async () => {
        insisted.add(node.peerId)
        return false
      }
    },
    turns: new Turns(),
    upload: new RateLimit(systemClock, 0),
    onServed: () => undefined
  })
  node.handle(EXCHANGE, stream => answer(stream, handlers))
  await node.dial(addresses)
  return node
}

describe('a fetch from nine liars and one that is honest', function () {
  this.timeout(60_000)
  const bytes = new Seeded('liars').bytes(LEAVES * LEAF_BYTES)
  const insisted: Insisted = new Set()
  let scene: Scene
  let origin: Daemon | undefined
  let fetcher: Daemon | undefined
  let liars: readonly TestNode[] = []

  before(async () => {
    scene = await Scene.open()
    ;[origin, fetcher] = await scene.mesh('origin', 'fetcher')
    const content = new Content()
    await content.add(file(bytes))
    const invite = await must(fetcher).invite()
    liars = await Promise.all(Array.from({ length: LIARS }, () => liar(invite, content, insisted)))
    await until('all are connected', async () => {
      const connected = (await must(fetcher).peers()).filter(peer => peer.connected)
      return connected.length === LIARS + 1
    })
  })
  after(async () => {
    await cleanUp()
    await scene.close()
  })

  it('brings exactly what was shared, and strikes those who insist on other bytes, and nobody else', async () => {
    await using there = await must(origin).connect()
    const { url } = await there.share(await scene.file('shared.bin', bytes), { as: 'data/shared.bin' })
    await using here = await must(fetcher).connect()
    const path = here.path(url)
    await path.waitFor()
    const got = await path.get()
    assert.ok(bytes.equals(await path.readFile()))
    // Its branches are fetched as well; no leaf is twice.
    assert.ok(got.bytesFetched < bytes.length + LEAF_BYTES, `${got.bytesFetched} bytes`)
    assert.ok(insisted.size > 0, 'no liar was asked')
    const peers = [...liars.map(({ peerId }) => peerId), must(origin).peerId]
    const struck = await Promise.all(
      peers.map(async peer => [peer, (await must(fetcher).cli(['why', peer])).value(WhyPeer).strikes] as const)
    )
    const named = struck.flatMap(([peer, strikes]) => (strikes > 0 ? [peer] : []))
    assert.deepEqual(
      named.filter(peer => !insisted.has(peer)),
      []
    )
    // One whose answer comes when all is here already is let off.
    assert.ok(2 * named.length > insisted.size, `${named.length} of ${insisted.size} were struck`)
  })
})
