// The Paths of a Work: those that it put into an attribute are its own, and are published, at the end of a run, where something lies
// there. Publishes nothing of others, and nothing twice.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errno, hasCode, toPathmeshError } from '../../proto/errors.ts'
import { Path } from '../path.ts'
import { Turns } from '../turns.ts'
import { attribute, stateKeys } from './component.ts'
import { AT_ONCE, publishing, type AtHome } from './own-publishing.ts'
import { referencesIn } from './state.ts'
import { workInside, type Work } from './work.ts'

/**
 * Makes the Paths of its attributes, and of `more`, the Work's own: those too that came into a list or an object there, which nobody
 * saw. Gives all that stand there, also those of others, which stay theirs.
 */
export function attachPaths(work: Work, ...more: readonly unknown[]): Path[] {
  const values = [...stateKeys(work).map(key => attribute(work, key)), ...more]
  const paths: Path[] = []
  for (const { reference } of values.flatMap(value => [...referencesIn(value)])) {
    if (!(reference instanceof Path)) continue
    reference.attach(workInside(work))
    paths.push(reference)
  }
  return paths
}

/**
 * Publishes the Work's own Paths, those of its attributes and those in `result`, where something lies there; `onMissing` is told of
 * the others. One inside a directory that is published itself belongs to that. From `hurry` on, a daemon that is away is not waited for.
 */
export async function publishPaths(
  { work, folder }: AtHome,
  result: unknown,
  { hurry, onMissing }: { readonly hurry: AbortSignal; readonly onMissing: (path: Path) => void }
): Promise<void> {
  const own = ownPaths(work, result)
  const found = await Promise.all(own.map(async path => ({ path, kind: await kindAt(join(folder, path.path)) })))
  const directories = found
    .filter(({ path, kind }) => path.directory || kind === 'directory')
    .map(({ path }) => path.path)
  const turns = new Turns(AT_ONCE)
  const published = await Promise.allSettled(
    found.map(async ({ path, kind }) => {
      if (directories.some(directory => path.path.startsWith(`${directory}/`))) return
      if (kind === undefined) onMissing(path)
      else
        await turns.run(
          async () => await publishing(path.toString(), async () => await publish(path), hurry),
          undefined
        )
    })
  )
  const failure = published.find(one => one.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}

function ownPaths(work: Work, result: unknown): Path[] {
  const { work: name, node } = workInside(work)
  const own = new Map<string, Path>()
  for (const path of attachPaths(work, result)) {
    const isOwn = path.work === name && path.origin === node && path.version === undefined
    if (isOwn && (!own.has(path.path) || path.directory)) own.set(path.path, path)
  }
  return [...own.values()]
}

async function publish(path: Path): Promise<void> {
  try {
    await path.publish()
  } catch (error) {
    if (hasCode(error, 'NAME_CONFLICT') && (await isPart(path))) return
    throw error
  }
}

/** Whether it lies in a directory that the Work has published by itself. */
async function isPart(path: Path): Promise<boolean> {
  try {
    return (await path.stat()).sub !== ''
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return false
    throw error
  }
}

async function kindAt(path: string): Promise<'file' | 'directory' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file'
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined
    throw toPathmeshError(error, `cannot look at ${path}`)
  }
}
