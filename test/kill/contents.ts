// Sources to share: files and trees of sizes that matter, made from a seed, and changes to them.

import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Seeded } from '../helpers/seeded.ts'

const MiB = 1024 * 1024
const FILE_SIZES = [0, 1, 1000, MiB - 1, MiB, MiB + 1, 3 * MiB]

export async function makeFile(path: string, random: Seeded): Promise<void> {
  await writeFile(path, random.bytes(random.pick(FILE_SIZES.slice(1))))
}

/** Some hundred small files, a larger one, an executable, a link, an empty directory and an empty file. */
export async function makeTree(path: string, random: Seeded): Promise<void> {
  await mkdir(path)
  for (const folder of ['a', 'b', 'b/c', 'empty']) await mkdir(join(path, folder))
  const count = random.between(40, 200)
  for (let i = 0; i < count; i++)
    await writeFile(join(path, random.pick(['', 'a', 'b', 'b/c']), `f${i}`), small(random))
  await writeFile(join(path, 'large'), random.bytes(MiB + random.between(1, MiB)))
  await writeFile(join(path, 'a', 'none'), '')
  await writeFile(join(path, 'run'), random.bytes(100))
  await chmod(join(path, 'run'), 0o755)
  await symlink('a/none', join(path, 'link'))
}

/** Another content at the same path: written over, or moved into its place. */
export async function changeFile(path: string, random: Seeded): Promise<void> {
  if (random.chance(0.5)) return makeFile(path, random)
  await makeFile(`${path}.new`, random)
  await rename(`${path}.new`, path)
}

/** Some files of a tree written over, some moved into place, some gone, some new. */
export async function changeTree(path: string, random: Seeded): Promise<void> {
  const names = (await readdir(path)).filter(name => name.startsWith('f'))
  for (const name of names) {
    const fate = random.next()
    if (fate < 0.2) await writeFile(join(path, name), small(random))
    else if (fate < 0.4) {
      await writeFile(join(path, 'temporary'), small(random))
      await rename(join(path, 'temporary'), join(path, name))
    } else if (fate < 0.5) await rm(join(path, name))
  }
  await writeFile(join(path, 'a', `f${random.between(1000, 1_000_000)}`), small(random))
  await writeFile(join(path, 'large'), random.bytes(MiB + 1))
}

const small = (random: Seeded): Buffer => random.bytes(random.between(0, 3000))
