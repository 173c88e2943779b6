// Trees on a disk for tests: one with every kind of name and entry that can be shared, and a tree as facts that can be compared.

import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What lies at each relative path: kind, executable bit, digest or target. */
export async function factsOf(path: string): Promise<Record<string, string>> {
  const facts: Record<string, string> = {}
  for (const name of ['', ...(await namesIn(path))]) facts[name] = await factOf(join(path, name))
  return facts
}

async function namesIn(path: string): Promise<string[]> {
  if (!(await lstat(path)).isDirectory()) return []
  return (await readdir(path, { recursive: true })).sort()
}

async function factOf(path: string): Promise<string> {
  const stats = await lstat(path)
  if (stats.isSymbolicLink()) return `link to ${await readlink(path)}`
  if (stats.isDirectory()) return 'directory'
  const digest = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
  return `file ${(stats.mode & 0o100) === 0 ? '-' : 'x'} ${stats.size} ${digest}`
}

const AWKWARD_NAMES = [
  'with space',
  ' leading and trailing ',
  '-dash',
  '--json',
  'quote\'double"back`tick',
  'new\nline',
  'tab\tbell\u0007',
  'back\\slash',
  '%2F percent',
  '#hash?query&amp',
  '*glob[a]{b}',
  'emoji 🧪👩‍🔬',
  'composed \u00e9',
  'decomposed e\u0301',
  '.hidden',
  '...',
  'CON',
  'a'.repeat(255),
  '\u202eright to left'
]

/** Writes a tree of what is unusual: names, empty directories, executables, links, hidden and empty files, nesting. */
export async function writeAwkwardTree(path: string): Promise<void> {
  await mkdir(join(path, 'names', 'directories'), { recursive: true })
  for (const [i, name] of AWKWARD_NAMES.entries()) {
    await writeFile(join(path, 'names', name), `${i}: ${name}`)
    await mkdir(join(path, 'names', 'directories', name))
  }
  await mkdir(join(path, 'empty', 'within', '.empty'), { recursive: true })
  await writeFile(join(path, 'nothing'), '')
  await writeFile(join(path, 'same'), 'the same bytes')
  await writeFile(join(path, 'same again'), 'the same bytes')
  await writeFile(join(path, 'large'), Buffer.alloc(3 * 1024 * 1024 + 1, 'large'))
  await writeFile(join(path, 'large program'), Buffer.alloc(1024 * 1024 + 1, 'program'))
  await writeFile(join(path, 'program'), '#!/bin/sh\n')
  await writeFile(join(path, 'empty program'), '')
  for (const program of ['program', 'large program', 'empty program']) await chmod(join(path, program), 0o755)
  const deep = join(path, ...Array.from({ length: 40 }, (_, level) => `level ${level}`))
  await mkdir(deep, { recursive: true })
  await writeFile(join(deep, 'deep'), 'down here')
  await symlink('program', join(path, 'link to a file'))
  await symlink('empty/within', join(path, 'link to a directory'))
  await symlink('missing', join(path, 'link to nothing'))
  await symlink('../same', join(path, 'empty', 'link up'))
}
