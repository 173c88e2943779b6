// What a run of chaos fetches: a large file and a tree, both from a seed, and their comparison with what came.

import { createCipheriv, createHash } from 'node:crypto'
import { chmod, type FileHandle, lstat, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Seeded } from '../helpers/seeded.ts'

const PIECE = 4 * 1024 * 1024
const FOLDER_FILES = 100

/** Bytes that nothing compresses, all of one key. */
export async function makeFile(path: string, bytes: number, seed: string): Promise<void> {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(PIECE)
  const handle = await open(path, 'w')
  try {
    for (let at = 0; at < bytes; at += PIECE)
      await handle.write(cipher.update(zeros.subarray(0, Math.min(PIECE, bytes - at))))
  } finally {
    await handle.close()
  }
}

/** Mostly small files; some empty, some executable, some the same as another, and a few of more than one leaf. Resolves to its bytes, those of the same files counted once. */
export async function makeTree(path: string, files: number, seed: string): Promise<number> {
  const chance = new Seeded(seed)
  const same = Buffer.from('the same in many files')
  let total = same.length
  for (let i = 0; i < files; i++) {
    const folder = join(path, `d${Math.floor(i / FOLDER_FILES) % 10}`, `e${Math.floor(i / FOLDER_FILES)}`)
    if (i % FOLDER_FILES === 0) await mkdir(folder, { recursive: true })
    const size = chance.chance(0.002) ? chance.between(1, 3 * 1024 * 1024) : chance.between(0, 8 * 1024)
    const bytes = chance.chance(0.05) ? same : chance.bytes(size)
    const file = join(folder, `f${i}`)
    await writeFile(file, bytes)
    if (chance.chance(0.05)) await chmod(file, 0o755)
    if (bytes !== same) total += size
  }
  return total
}

/** The first difference, as a sentence; undefined where there is none. */
export async function difference(source: string, copy: string): Promise<string | undefined> {
  const [one, other] = await Promise.all([lstat(source), lstat(copy)])
  if (one.isFile() !== other.isFile()) return `${copy} is of another kind`
  if (!one.isFile()) return await treeDifference(source, copy)
  if (one.size !== other.size) return `${copy} has ${other.size} bytes instead of ${one.size}`
  if ((one.mode & 0o100) !== (other.mode & 0o100)) return `${copy} has another executable bit`
  return one.size <= PIECE ? await smallDifference(source, copy) : await largeDifference(source, copy)
}

async function treeDifference(source: string, copy: string): Promise<string | undefined> {
  const [names, others] = await Promise.all([source, copy].map(async path => (await readdir(path)).sort()))
  if (names === undefined || names.join('/') !== others?.join('/')) return `${copy} has other entries`
  for (const name of names) {
    const found = await difference(join(source, name), join(copy, name))
    if (found !== undefined) return found
  }
  return undefined
}

async function smallDifference(source: string, copy: string): Promise<string | undefined> {
  const [wanted, got] = await Promise.all([readFile(source), readFile(copy)])
  return wanted.equals(got) ? undefined : `${copy} has other bytes`
}

async function largeDifference(source: string, copy: string): Promise<string | undefined> {
  const [wanted, got] = [Buffer.allocUnsafe(PIECE), Buffer.allocUnsafe(PIECE)]
  const handles = await Promise.all([open(source), open(copy)])
  try {
    for (let at = 0; ; at += PIECE) {
      const [count, same] = await Promise.all([fill(handles[0], wanted, at), fill(handles[1], got, at)])
      if (count !== same || !wanted.subarray(0, count).equals(got.subarray(0, count)))
        return `${copy} has other bytes after ${at}`
      if (count < PIECE) return undefined
    }
  } finally {
    await Promise.all(handles.map(handle => handle.close()))
  }
}

async function fill(handle: FileHandle, buffer: Buffer, at: number): Promise<number> {
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, at + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}
