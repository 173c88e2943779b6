// Eight nodes fetch the same file at the same time from one, and all of them send no faster than a rate: how much longer does the last
// of them need than one alone, and how many copies leave the first node? With --netns the rate is that of their network.

import { join } from 'node:path'
import { type Bench, median, seconds } from './figures.ts'
import { makeFile } from './files.ts'
import { makeNetwork, type Network } from './netns.ts'
import { allConnected, type BenchNode, makePlace, type NodeOptions, type Place } from './nodes.ts'

const MiB = 2 ** 20
const NODES = 8
const BYTES = 192 * MiB
const RATE = 24

export const broadcast: Bench = async ({ runs, netns, talk }) => {
  const place = await makePlace()
  try {
    const network = netns ? await makeNetwork(place, NODES + 1, RATE * MiB) : undefined
    const nodes = await startAll(place, network)
    const [origin, first] = nodes
    if (origin === undefined || first === undefined) throw new RangeError('too few nodes')
    const sent = () => network?.sentBy(0) ?? origin.bytesWritten()
    const [alone, slowest]: [number[], number[]] = [[], []]
    const [copies, taken]: [number[], number[]] = [[], []]
    for (let i = 0; i < runs; i++) {
      const name = `bench/${i}`
      const path = join(place.folder, `${i}.bin`)
      await makeFile(path, BYTES)
      await origin.mesh.share(path, { as: name })
      alone.push(await seconds(() => fetchAndRelease(first, name)))
      await first.mesh.drop(name)
      const before = await sent()
      let fromOrigin = 0
      const fetchFrom = async (node: BenchNode): Promise<void> => {
        const came = await fetchAndRelease(node, name)
        fromOrigin += came.get(origin.mesh.peerId) ?? 0
      }
      slowest.push(await seconds(() => Promise.all(nodes.slice(1).map(fetchFrom))))
      copies.push(((await sent()) - before) / BYTES)
      taken.push(fromOrigin / BYTES)
      await Promise.all(nodes.slice(1).map(({ mesh }) => mesh.drop(name)))
      talk(`broadcast ${i + 1}/${runs}`)
    }
    return {
      bench: 'broadcast',
      ratios: { slowest: median(slowest) / median(alone), copies: median(copies) },
      bars: { slowest: { atMost: 1.8 }, copies: { atMost: 1.25 } },
      figures: {
        aloneSeconds: median(alone),
        slowestSeconds: median(slowest),
        copiesTaken: median(taken),
        capMiBPerSecond: RATE
      },
      notes: [
        `a file of ${BYTES / MiB} MiB; each node sends ${RATE} MiB/s, ${netns ? 'by tbf in a network namespace' : 'by its own limit'}`
      ]
    }
  } finally {
    await place.dispose()
  }
}

/** The origin, and then all others at the same time. */
async function startAll(place: Place, network: Network | undefined): Promise<BenchNode[]> {
  const optionsOf = (index: number): NodeOptions =>
    network === undefined ? { env: { PATHMESH_UPLOAD_LIMIT: `${RATE}MiB/s` } } : { elsewhere: network.elsewhere(index) }
  const origin = await place.start('origin', optionsOf(0))
  const { invite } = await origin.mesh.invite()
  const others = Array.from({ length: NODES }, (_, i) => place.start(`node-${i + 1}`, { ...optionsOf(i + 1), invite }))
  const nodes = [origin, ...(await Promise.all(others))]
  await allConnected(nodes)
  return nodes
}

/** Resolves to the bytes that came from each node and were taken. */
async function fetchAndRelease({ mesh }: BenchNode, name: string): Promise<ReadonlyMap<string, number>> {
  const got = await mesh.path(name).get()
  await got.release()
  return new Map(got.providers.map(({ peerId, bytes }) => [peerId, bytes]))
}
