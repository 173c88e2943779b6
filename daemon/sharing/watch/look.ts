// One look at a file or tree that is watched: a digest of sizes and times of everything in it, and when it was last changed.
// Reads no content. Each directory is announced before it is read, so that nothing that happens after goes unnoticed.

import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { lstat, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errno, PathmeshError, toPathmeshError } from '../../../proto/errors.ts'
import { WATCHED_ENTRIES_MAX } from '../../../proto/limits.ts'
import { scan } from '../../content/scan.ts'

export interface Look {
  /** Equal digests: the same names, sizes, times of writing, inodes, executable bits and links. */
  readonly digest: string
  /** Files, links and directories, the top included. */
  readonly entries: number
  /** The newest change of any of them, by the file system's account, which no program can set. */
  readonly changedNs: bigint
  /** The devices that its directories lie on. */
  readonly devices: ReadonlySet<bigint>
}

export interface LookOptions {
  readonly exclude: readonly string[]
  readonly dereference: boolean
  readonly entriesMax: number
  readonly signal: AbortSignal
  readonly onDirectory: (path: string, absolute: string, ino: bigint) => void
}

/** SOURCE_CHANGED for what vanishes meanwhile, TOO_LARGE past `entriesMax`, and whatever `scan` refuses. */
export async function lookAt(top: string, options: LookOptions): Promise<Look> {
  const { entriesMax, onDirectory } = options
  const digest = createHash('sha256')
  const devices = new Set<bigint>()
  let [entries, changedNs] = [0, 0n]
  for await (const entry of scan(top, options)) {
    if (++entries > entriesMax) throw tooMany(top)
    if (entry.kind === 'symlink') {
      digest.update(`${entry.path}\0link\0${entry.target}\0`)
      continue
    }
    const stamp = entry.kind === 'file' ? entry.fingerprint : await directoryStats(entry.absolute)
    if (stamp.ctimeNs > changedNs) changedNs = stamp.ctimeNs
    if (entry.kind === 'file') {
      const { size, mtimeNs, ino } = stamp
      digest.update(`${entry.path}\0file\0${size}:${mtimeNs}:${ino}:${entry.executable}\0`)
    } else {
      onDirectory(entry.path, entry.absolute, stamp.ino)
      devices.add(stamp.dev)
      digest.update(`${entry.path}\0directory\0`)
    }
  }
  return { digest: digest.digest('base64'), entries, changedNs, devices }
}

/** What lies at a path, links followed; undefined where nothing does. A link that leads nowhere is NOT_FOUND. */
export async function statsAt(path: string): Promise<BigIntStats | undefined> {
  const followed = await followedStatsAt(path)
  if (followed === undefined && (await linkStatsAt(path)) !== undefined)
    throw new PathmeshError('NOT_FOUND', `the symbolic link ${path} leads nowhere: mend or remove it`)
  return followed
}

/** The same, but undefined for a link that leads nowhere. */
export function followedStatsAt(path: string): Promise<BigIntStats | undefined> {
  return orAbsent(stat(path, { bigint: true }), path)
}

/** What lies at a path, a link as itself. */
export function linkStatsAt(path: string): Promise<BigIntStats | undefined> {
  return orAbsent(lstat(path, { bigint: true }), path)
}

/** Where a link leads in the end; undefined where that is nowhere. */
export function endOf(link: string): Promise<string | undefined> {
  return orAbsent(realpath(link), link)
}

/** Times of two changes that one call makes differ by no more than the system's tick. */
const TICK_NS = 20_000_000n

/**
 * Whether the entries at `paths` inside `top`, about which nothing was noticed but that they came or went, were put there whole:
 * files that are not empty, and directories that were moved after all that they hold was written. Gone ones do not count.
 */
export async function arePlaced(top: string, paths: Iterable<string>, { changedNs }: Look): Promise<boolean> {
  let isAny = false
  for (const path of paths) {
    const stats = await linkStatsAt(join(top, path))
    if (stats === undefined) continue
    // Moving a directory changes its ctime alone, making or removing an entry in it both.
    const isMoved = stats.ctimeNs > stats.mtimeNs && changedNs - stats.ctimeNs < TICK_NS
    if (stats.isDirectory() ? !isMoved : stats.size === 0n) return false
    isAny = true
  }
  return isAny
}

export function tooMany(top: string): PathmeshError {
  const advice = 'watch a part of it, or leave entries out with --exclude'
  return new PathmeshError(
    'TOO_LARGE',
    `${top} has too many entries: a watch takes at most ${WATCHED_ENTRIES_MAX} (WATCHED_ENTRIES_MAX) in all; ${advice}`
  )
}

async function directoryStats(directory: string): Promise<BigIntStats> {
  const stats = await linkStatsAt(directory)
  if (stats === undefined) throw new PathmeshError('SOURCE_CHANGED', `${directory} vanished while it was looked at`)
  return stats
}

async function orAbsent<T>(found: Promise<T>, path: string): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined
    throw toPathmeshError(error, `looking at ${path}`)
  }
}
