// How much memory do two daemons have resident, idle and at the peak of a transfer? Against the bars of 130 and 256 MiB.

import { join } from 'node:path'
import { makeFile, makeTree } from './files.ts'
import type { Bench } from './figures.ts'
import { makePair, makePlace } from './nodes.ts'

const MiB = 2 ** 20

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
    const tree = join(place.folder, 'tree')
    await makeTree(tree, 10_000, 4096)
    await a.mesh.share(tree, { as: 'bench/tree' })
    await b.mesh.path('bench/tree').get()
    talk('a tree is there')
    const [treeSender, treeReceiver] = await peaks()
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
        treeReceiverMiB: treeReceiver / MiB
      },
      notes:
        idle === 0
          ? ['this system does not tell the memory of a process']
          : ['peaks: of a quarter, then of the whole, then of a tree']
    }
  } finally {
    await place.dispose()
  }
}
