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
    const path = join(place.folder, 'file.bin')
    await makeFile(path, bytes)
    await a.mesh.share(path, { as: 'bench/file' })
    await b.mesh.path('bench/file').get()
    talk('a large file is there')
    const [sender, receiver] = [await a.peakMemory(), await b.peakMemory()]
    const tree = join(place.folder, 'tree')
    await makeTree(tree, 10_000, 4096)
    await a.mesh.share(tree, { as: 'bench/tree' })
    await b.mesh.path('bench/tree').get()
    talk('a tree is there')
    const [treeSender, treeReceiver] = [await a.peakMemory(), await b.peakMemory()]
    return {
      bench: 'memory',
      ratios: {
        idle: (130 * MiB) / idle,
        transfer: (256 * MiB) / Math.max(sender, receiver),
        tree: (256 * MiB) / Math.max(treeSender, treeReceiver)
      },
      figures: {
        idleMiB: idle / MiB,
        senderMiB: sender / MiB,
        receiverMiB: receiver / MiB,
        treeSenderMiB: treeSender / MiB,
        treeReceiverMiB: treeReceiver / MiB
      },
      notes: idle === 0 ? ['this system does not tell the memory of a process'] : []
    }
  } finally {
    await place.dispose()
  }
}
