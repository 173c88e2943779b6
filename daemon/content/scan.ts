// Owns the walk over a local file or directory that is to be published: what is there, in the order of the tree.
// Refuses what cannot be published: special files, names that are not UTF-8, links that lead out; it reads no content.

import { constants } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import picomatch from 'picomatch'
import { PathmeshError, errno, toPathmeshError } from '../../proto/errors.ts'
import {
  DIRECTORIES_AHEAD,
  FILES_AT_ONCE,
  HASH_BATCH_FILES,
  TREE_DEPTH_MAX,
  TREE_ENTRIES_MAX,
  TREE_PATH_BYTES_MAX
} from '../../proto/limits.ts'
import { type Fingerprint, fingerprintOf, type Look } from './fingerprint.ts'
import { decodeUtf8, nameFault, quoted, targetFault, utf8Length } from './names.ts'

interface Scanned {
  /** Relative to the root, posix; '' for the root. */
  readonly path: string
  /** Without symbolic links on the way. */
  readonly absolute: string
}

export interface ScannedFile extends Scanned {
  readonly kind: 'file'
  readonly fingerprint: Fingerprint
  readonly executable: boolean
}

export interface ScannedDirectory extends Scanned {
  readonly kind: 'directory'
}

export interface ScannedSymlink extends Scanned {
  readonly kind: 'symlink'
  readonly target: string
}

export type ScannedEntry = ScannedFile | ScannedDirectory | ScannedSymlink

export interface ScanOptions {
  /** Globs over relative paths, one without a slash over names anywhere; a directory that matches is left out with all it holds. */
  readonly exclude?: readonly string[] | undefined
  /** Publish what symbolic links point to, instead of the links. */
  readonly dereference?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** Looks at many paths at a time, for directories that hold many: a thread does that with less work. */
  readonly look?: ((paths: readonly string[]) => Promise<readonly (Look | Error)[]>) | undefined
}

/** A glob with a slash is over the relative path, one without over the name alone, at any depth. */
function excluder(globs: readonly string[]): (path: string) => boolean {
  const matchers = globs.map(glob => picomatch(glob, { dot: true, basename: !glob.includes('/') }))
  return path => matchers.some(matches => matches(path))
}

interface Found {
  readonly entry: ScannedEntry
  readonly stats: Look
}

interface Level {
  /** Path of the directory with a slash behind it, '' for the root. */
  readonly prefix: string
  readonly absolute: string
  /** The same with a slash behind it. */
  readonly inside: string
  /** Device and inode: a directory inside itself is a loop. */
  readonly identity: string
  readonly names: readonly string[]
  next: number
  ready: PromiseSettledResult<Found>[]
  /** What is in the next directories of `ready`, read while those before them are gone through. */
  readonly opening: Map<Found, Promise<Level>>
}

/** How the entries of a level are looked at. */
interface Looking {
  readonly excluded: (path: string) => boolean
  readonly dereference: boolean
  readonly look: ScanOptions['look']
}

/**
 * Every entry of a local tree, directories before what they hold, by the bytes of names. A root that is a link is
 * followed. NOT_FOUND and DENIED as the operating system says; UNSAFE_NAME for what cannot be published;
 * SOURCE_CHANGED for an entry that vanishes meanwhile; an abort rethrows `signal.reason`.
 */
export async function* scan(root: string, options: ScanOptions = {}): AsyncGenerator<ScannedEntry> {
  const { exclude = [], dereference = false, signal, look } = options
  signal?.throwIfAborted()
  const looking = { excluded: excluder(exclude), dereference, look }
  const top = await openRoot(root)
  yield top.entry
  if (top.entry.kind !== 'directory') return
  const stack = [await openLevel(top, '', root, 0, looking)]
  let count = 1
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    signal?.throwIfAborted()
    if (level.ready.length === 0) await fill(level, stack.length - 1, looking)
    const found = nextOf(level)
    if (found === undefined) {
      stack.pop()
      continue
    }
    if (++count > TREE_ENTRIES_MAX)
      throw new PathmeshError('TOO_LARGE', `${root} holds more than ${TREE_ENTRIES_MAX} entries`)
    yield found.entry
    if (found.entry.kind !== 'directory') continue
    checkNesting(found, stack)
    openAhead(level, found, stack.length, looking)
    const opening = level.opening.get(found)
    level.opening.delete(found)
    if (opening !== undefined) stack.push(await opening)
  }
}

/** Begins to read a directory and the next ones: a thread that looks is waited for once, not once for each. */
function openAhead(level: Level, found: Found, depth: number, looking: Looking): void {
  const open = (one: Found): void => {
    if (level.opening.has(one)) return
    const opening = openLevel(one, `${one.entry.path}/`, one.entry.absolute, depth, looking)
    // Its failure is met where it is gone into.
    opening.catch(() => undefined)
    level.opening.set(one, opening)
  }
  open(found)
  for (const next of level.ready) {
    if (level.opening.size > DIRECTORIES_AHEAD) return
    if (next.status === 'fulfilled' && next.value.entry.kind === 'directory') open(next.value)
  }
}

async function openRoot(root: string): Promise<Found> {
  try {
    const absolute = await realpath(root)
    return classify('', absolute, await stat(absolute, { bigint: true }))
  } catch (error) {
    throw toPathmeshError(error, `read ${root}`)
  }
}

async function openLevel(
  { entry, stats }: Found,
  prefix: string,
  shown: string,
  depth: number,
  looking: Looking
): Promise<Level> {
  const { absolute } = entry
  const raw = await readdir(absolute, { encoding: 'buffer' }).catch((error: unknown) => {
    throw prefix !== '' && errno(error) === 'ENOENT'
      ? vanished(shown, error)
      : toPathmeshError(error, `read the directory ${shown}`)
  })
  const names = raw.sort((a, b) => Buffer.compare(a, b)).map(bytes => nameIn(absolute, bytes))
  const inside = absolute.endsWith('/') ? absolute : `${absolute}/`
  const level = { prefix, absolute, inside, identity: identityOf(stats), names, next: 0, ready: [], opening: new Map() }
  await fill(level, depth, looking)
  return level
}

function nameIn(directory: string, bytes: Buffer): string {
  const name = decodeUtf8(bytes)
  const fault = name === undefined ? 'is not UTF-8' : nameFault(name)
  if (name !== undefined && fault === undefined) return name
  const shown = quoted(name ?? bytes.toString('latin1'))
  throw new PathmeshError('UNSAFE_NAME', `the name ${shown} in ${directory} ${fault}: rename it`)
}

/** Looks at the next entries of a level. */
async function fill(level: Level, depth: number, { excluded, dereference, look: lookAtMany }: Looking): Promise<void> {
  while (level.ready.length === 0 && level.next < level.names.length) {
    const look = level.names.length - level.next > FILES_AT_ONCE ? lookAtMany : undefined
    const count = look === undefined ? FILES_AT_ONCE : HASH_BATCH_FILES
    const names = level.names.slice(level.next, (level.next += count)).filter(name => !excluded(level.prefix + name))
    const looks = await look?.(names.map(name => level.inside + name))
    level.ready = await Promise.allSettled(names.map((name, i) => inspect(level, name, depth, dereference, looks?.[i])))
  }
}

function nextOf(level: Level): Found | undefined {
  const first = level.ready.shift()
  if (first?.status === 'rejected') throw toPathmeshError(first.reason, `read ${level.absolute}`)
  return first?.value
}

/** `seen`: what it looks like, where somebody looked already. */
async function inspect(
  level: Level,
  name: string,
  depth: number,
  dereference: boolean,
  seen: Look | Error | undefined
): Promise<Found> {
  const path = level.prefix + name
  const absolute = level.inside + name
  if (utf8Length(path) > TREE_PATH_BYTES_MAX) {
    throw new PathmeshError('TOO_LARGE', `the path ${path.slice(0, 200)}… is over ${TREE_PATH_BYTES_MAX} bytes`)
  }
  try {
    const stats = seen ?? (await lstat(absolute, { bigint: true }))
    if (stats instanceof Error) throw stats
    if (kindOf(stats) !== constants.S_IFLNK) return classify(path, absolute, stats)
    if (!dereference)
      return { entry: { path, kind: 'symlink', absolute, target: await targetOf(absolute, depth) }, stats }
  } catch (error) {
    throw errno(error) === 'ENOENT' ? vanished(absolute, error) : toPathmeshError(error, `read ${absolute}`)
  }
  return follow(path, absolute)
}

async function follow(path: string, link: string): Promise<Found> {
  try {
    const absolute = await realpath(link)
    return classify(path, absolute, await stat(absolute, { bigint: true }))
  } catch (error) {
    throw toPathmeshError(error, `follow the symbolic link ${link}, which --exclude would leave out`)
  }
}

async function targetOf(link: string, depth: number): Promise<string> {
  const bytes = await readlink(link, { encoding: 'buffer' })
  const target = decodeUtf8(bytes)
  const fault = target === undefined ? 'is not UTF-8' : targetFault(target, depth)
  if (target !== undefined && fault === undefined) return target
  const shown = quoted(target ?? bytes.toString('latin1'))
  const advice = 'publish what it points to with --dereference, or leave it out with --exclude'
  throw new PathmeshError('UNSAFE_NAME', `the symbolic link ${link} to ${shown} ${fault}: ${advice}`)
}

function classify(path: string, absolute: string, stats: Look): Found {
  const kind = kindOf(stats)
  if (kind === constants.S_IFDIR) return { entry: { path, kind: 'directory', absolute }, stats }
  if (kind === constants.S_IFREG) {
    const executable = (stats.mode & 0o100n) !== 0n
    return { entry: { path, kind: 'file', absolute, fingerprint: fingerprintOf(stats), executable }, stats }
  }
  const what = kind === constants.S_IFIFO ? 'a FIFO' : kind === constants.S_IFSOCK ? 'a socket' : 'a device'
  throw new PathmeshError(
    'UNSAFE_NAME',
    `${absolute} is ${what}, which cannot be published: leave it out with --exclude`
  )
}

function checkNesting({ entry, stats }: Found, stack: readonly Level[]): void {
  if (stack.length >= TREE_DEPTH_MAX) {
    throw new PathmeshError('TOO_LARGE', `${entry.absolute} lies more than ${TREE_DEPTH_MAX} directories deep`)
  }
  const identity = identityOf(stats)
  if (stack.some(level => level.identity === identity)) {
    throw new PathmeshError(
      'UNSAFE_NAME',
      `${entry.path} leads back to ${entry.absolute}, which it lies in: leave it out with --exclude`
    )
  }
}

const kindOf = ({ mode }: Look): number => Number(mode) & constants.S_IFMT

function identityOf({ dev, ino }: Look): string {
  return `${dev}:${ino}`
}

function vanished(path: string, cause: unknown): PathmeshError {
  return new PathmeshError('SOURCE_CHANGED', `${path} vanished while its directory was read`, { cause })
}
