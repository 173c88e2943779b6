// What the demonstration shares: real files of this project's own dependencies, a checkpoint, and whatever is awkward. And a
// comparison, byte for byte, that knows nothing of pathmesh.

import { randomFillSync } from 'node:crypto'
import { chmod, cp, lstat, mkdir, open, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const MODULES = join(import.meta.dirname, '../../node_modules')
const MiB = 1024 ** 2

/** Makes the folder. Some two thousand files. */
export async function makeProject(folder: string, checkpointMiB: number): Promise<void> {
  await mkdir(join(folder, 'code'), { recursive: true })
  for (const name of ['typescript', 'zod', 'libp2p'])
    await cp(join(MODULES, name), join(folder, 'code', name), { recursive: true })
  await makeCheckpoint(join(folder, 'model.ckpt'), checkpointMiB)
  await writeFile(join(folder, 'run.sh'), '#!/bin/sh\necho trained\n', { mode: 0o755 })
  await symlink('model.ckpt', join(folder, 'latest'))
  await mkdir(join(folder, 'odd names', 'empty folder'), { recursive: true })
  for (const name of ['naïve – 模型 🧠.txt', 'a\nb', '-rf', '%41?#', '__proto__'])
    await writeFile(join(folder, 'odd names', name), name)
  await writeFile(join(folder, 'odd names', 'nothing'), '')
}

/** Bytes that do not compress, written in pieces. */
export async function makeCheckpoint(path: string, sizeMiB: number): Promise<void> {
  const file = await open(path, 'w')
  try {
    const piece = Buffer.alloc(8 * MiB)
    for (let at = 0; at < sizeMiB; at += 8) await file.write(randomFillSync(piece), 0, Math.min(8, sizeMiB - at) * MiB)
  } finally {
    await file.close()
  }
}

export interface Compared {
  files: number
  directories: number
  links: number
  bytes: number
}

/** What two trees have in common, which must be everything: kinds, names, links, executable bits, bytes. */
export async function compareTrees(
  a: string,
  b: string,
  sums: Compared = { files: 0, directories: 0, links: 0, bytes: 0 }
): Promise<Compared> {
  const [one, other] = [await lstat(a), await lstat(b)]
  const same = one.isDirectory() === other.isDirectory() && one.isSymbolicLink() === other.isSymbolicLink()
  if (!same) throw new Error(`${b} is of another kind than ${a}`)
  if (one.isSymbolicLink()) {
    if ((await readlink(a)) !== (await readlink(b))) throw new Error(`${b} points elsewhere than ${a}`)
    sums.links++
  } else if (one.isDirectory()) {
    const [names, others] = [(await readdir(a)).sort(), (await readdir(b)).sort()]
    if (JSON.stringify(names) !== JSON.stringify(others)) throw new Error(`${b} has other entries than ${a}`)
    for (const name of names) await compareTrees(join(a, name), join(b, name), sums)
    sums.directories++
  } else {
    if ((one.mode & 0o100) !== (other.mode & 0o100)) throw new Error(`${b} is executable, or not, unlike ${a}`)
    if (!(await readFile(a)).equals(await readFile(b))) throw new Error(`${b} has other bytes than ${a}`)
    sums.files++
    sums.bytes += one.size
  }
  return sums
}

/** Deletes a tree. Fetched content lies in read-only folders, which must be opened first. */
export async function removeTree(folder: string): Promise<void> {
  const open = async (path: string): Promise<void> => {
    await chmod(path, 0o700)
    for (const entry of await readdir(path, { withFileTypes: true }))
      if (entry.isDirectory()) await open(join(path, entry.name))
  }
  await open(folder)
  await rm(folder, { recursive: true, force: true })
}
