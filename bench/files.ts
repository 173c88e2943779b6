// Content for benches: random bytes, so that nothing compresses it or finds it twice.

import { randomFillSync } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const PIECE = 4 * 1024 * 1024

export async function makeFile(path: string, bytes: number): Promise<void> {
  const handle = await open(path, 'w')
  try {
    const piece = Buffer.allocUnsafe(PIECE)
    for (let at = 0; at < bytes; at += PIECE)
      await handle.write(randomFillSync(piece), 0, Math.min(PIECE, bytes - at), at)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** `count` files of `bytes` each, a hundred in a folder. */
export async function makeTree(path: string, count: number, bytes: number): Promise<void> {
  const content = Buffer.allocUnsafe(bytes)
  for (let i = 0; i < count; i++) {
    const folder = join(path, `d${Math.floor(i / 100)}`)
    if (i % 100 === 0) await mkdir(folder, { recursive: true })
    await writeFile(join(folder, `f${i}`), randomFillSync(content))
  }
}
