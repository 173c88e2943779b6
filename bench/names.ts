// How long does a new node need to know all names of a mesh? Against verifying as many signatures, which it cannot avoid.

import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { makeFile } from './files.ts'
import { type Bench, seconds } from './figures.ts'
import { type BenchNode, makePlace } from './nodes.ts'

/** Names that are published at the same time: a program that awaits each would measure the disk. */
const AT_ONCE = 32
const LISTED_MS = 10

export const names: Bench = async ({ names: count, talk }) => {
  const place = await makePlace()
  try {
    const a = await place.start('a')
    const publishSeconds = await seconds(() => publishAll(a, count, join(place.folder, 'file'), talk))
    const verifySeconds = await verifyAll(count)
    const { invite } = await a.mesh.invite()
    const b = await place.start('b', { invite })
    const [memoryBefore, readBefore] = [await b.memory(), await b.bytesRead()]
    const joinSeconds = await seconds(() => untilKnown(b, count))
    const [memory, read] = [await b.peakMemory(), await b.bytesRead()]
    talk('the second node knows them all')
    const prefix = 'bench/07/'
    let listed = 0
    const listSeconds = await seconds(async () => {
      for await (const _ of b.mesh.names({ prefix })) listed++
    })
    const resolveSeconds = await seconds(() => b.mesh.path(nameOf(count - 1)).exists())
    await b.stop()
    const again = await place.start('b')
    return {
      bench: 'names',
      ratios: { verify: verifySeconds / joinSeconds },
      figures: {
        names: count,
        publishSeconds,
        joinSeconds,
        verifySeconds,
        bytesReadPerName: (read - readBefore) / count,
        memoryBeforeMiB: memoryBefore / 2 ** 20,
        peakMemoryMiB: memory / 2 ** 20,
        listOfPrefixMs: 1000 * listSeconds,
        listed,
        existsMs: 1000 * resolveSeconds,
        startAgainMs: again.readyMs
      },
      notes: ['bytes read are those of the second daemon, from its sockets and files']
    }
  } finally {
    await place.dispose()
  }
}

const nameOf = (index: number): string => `bench/${String(index % 100).padStart(2, '0')}/${index}`

async function publishAll(
  { mesh }: BenchNode,
  count: number,
  path: string,
  talk: (line: string) => void
): Promise<void> {
  await makeFile(path, 1000)
  const { path: file } = await mesh.share(path, { as: 'origin/file' })
  let next = 0
  const publish = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      await mesh.alias(nameOf(index), file)
      if (index % 10_000 === 0) talk(`${index} of ${count} names`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, publish))
}

async function untilKnown({ mesh }: BenchNode, count: number): Promise<void> {
  while ((await mesh.status()).names < count) await wait(LISTED_MS)
}

/** Seconds for verifying signatures over as many messages of a record's size, on all threads. */
async function verifyAll(count: number): Promise<number> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const message = Buffer.alloc(250, 7)
  const signature = sign(null, message, privateKey)
  const inThread = promisify(verify)
  return seconds(async () => {
    for (let at = 0; at < count; at += 256)
      await Promise.all(
        Array.from({ length: Math.min(256, count - at) }, () => inThread(null, message, publicKey, signature))
      )
  })
}
