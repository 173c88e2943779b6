// How much memory do two daemons have resident, idle and at the peak of a transfer? Against the bars of 130 and 256 MiB.

import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { REST_LOOK_MS } from '../proto/limits.ts'
import { makeFile, makeTree } from './files.ts'
import type { Bench } from './figures.ts'
import { makePair, makePlace } from './nodes.ts'

const MiB = 2 ** 20
/** What memory grows by from one tree to the next shows after some. */
const TREES = 3
/** After two looks a daemon that rests has collected its garbage. */
const REST_MS = 2.5 * REST_LOOK_MS

export const memory: Bench = async ({ bytes, talk }) => {
  const place = await makePlace()
  try {
    const [a, b] = await makePair(place)
    const idle = Math.max(await a.memory(), await b.memory())
    const peaks = async (): Promise<[number, number]> => [await a.peakMemory(), await b.peakMemory()]
    const send = async (name: string, size: number): Promise<void> => {
      const path = join(place.folder, name)
      await makeFile(path, size)
      await a.mesh.share(path, { as: `bench/${name}` })
      await b.mesh.path(`bench/${name}`).get()
      talk(`a file of ${size / MiB} MiB is there`)
    }
    await send('quarter', bytes / 4)
    const [quarterSender, quarterReceiver] = await peaks()
    await send('whole', bytes)
    const [sender, receiver] = await peaks()
    for (let i = 1; i <= TREES; i++) {
      const tree = join(place.folder, `tree-${i}`)
      await makeTree(tree, 10_000, 4096)
      await a.mesh.share(tree, { as: `bench/tree-${i}` })
      await b.mesh.path(`bench/tree-${i}`).get()
      talk(`tree ${i}/${TREES} is there`)
    }
    const [treeSender, treeReceiver] = await peaks()
    await wait(REST_MS)
    const [restSender, restReceiver] = [await a.memory(), await b.memory()]
    return {
      bench: 'memory',
      ratios: {
        idle: idle / (130 * MiB),
        transfer: Math.max(sender, receiver) / (256 * MiB),
        tree: Math.max(treeSender, treeReceiver) / (256 * MiB)
      },
      bars: { idle: { atMost: 1 }, transfer: { atMost: 1 }, tree: { atMost: 1 } },
      figures: {
        idleMiB: idle / MiB,
        quarterSenderMiB: quarterSender / MiB,
        quarterReceiverMiB: quarterReceiver / MiB,
        senderMiB: sender / MiB,
        receiverMiB: receiver / MiB,
        treeSenderMiB: treeSender / MiB,
        treeReceiverMiB: treeReceiver / MiB,
        restSenderMiB: restSender / MiB,
        restReceiverMiB: restReceiver / MiB
      },
      notes:
        idle === 0
          ? ['this system does not tell the memory of a process']
          : ['peaks: of a quarter, then of the whole, then of three trees; then at rest']
    }
  } finally {
    await place.dispose()
  }
}
