// What each step of a fetch takes of a processor when it is done alone: reading from a file that is in memory, hashing, writing. With
// the two sides of the TLS floor that is all that a fetch cannot do without; the rest is ours.

import { open } from 'node:fs/promises'
import { BLAKE3, digest } from '../daemon/content/multihash.ts'

const PIECE = 1024 * 1024
const GiB = 2 ** 30

/** Seconds on a processor for each GiB, kernel included. */
export interface StepCosts {
  readonly read: number
  readonly hash: number
  readonly write: number
}

/** `path` is a file of `bytes`, `target` one to be written. */
export async function stepCosts(path: string, target: string, bytes: number): Promise<StepCosts> {
  const piece = Buffer.allocUnsafeSlow(PIECE)
  const [source, sink] = [await open(path), await open(target, 'w')]
  const perGiB = async (step: (at: number) => Promise<unknown>): Promise<number> => {
    const before = process.cpuUsage()
    for (let at = 0; at + PIECE <= bytes; at += PIECE) await step(at)
    const { user, system } = process.cpuUsage(before)
    return ((user + system) / 1e6) * (GiB / bytes)
  }
  try {
    return {
      read: await perGiB(at => source.read(piece, 0, PIECE, at)),
      hash: await perGiB(async () => digest(BLAKE3, piece)),
      write: await perGiB(at => sink.write(piece, 0, PIECE, at))
    }
  } finally {
    await Promise.all([source.close(), sink.close()])
  }
}
