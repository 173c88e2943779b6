// What lies at a path, told with the test's own hash: nothing of the code under test is used. Two snapshots are equal
// when kinds, names, bytes, executable bits and link targets are.

import { createHash } from 'node:crypto'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Path inside, '' for the thing itself, to what lies there. */
export type Snapshot = Readonly<Record<string, string>>

/** Undefined where nothing lies. */
export async function snapshot(path: string): Promise<Snapshot | undefined> {
  const found: Record<string, string> = {}
  await look(path, '', found)
  return Object.keys(found).length === 0 ? undefined : found
}

export function snapshotOfBytes(bytes: Uint8Array, executable = false): Snapshot {
  return { '': fileText(bytes, executable) }
}

async function look(path: string, sub: string, found: Record<string, string>): Promise<void> {
  const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (stats === undefined) return
  if (stats.isSymbolicLink()) found[sub] = `link ${await readlink(path)}`
  else if (stats.isFile()) found[sub] = fileText(await readFile(path), (stats.mode & 0o100) !== 0)
  else if (stats.isDirectory()) {
    found[sub] = 'directory'
    for (const name of await readdir(path)) await look(join(path, name), sub === '' ? name : `${sub}/${name}`, found)
  } else found[sub] = 'something else'
}

function fileText(bytes: Uint8Array, executable: boolean): string {
  return `file ${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}${executable ? ' executable' : ''}`
}
