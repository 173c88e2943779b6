// Owns what an entry of a tree may be called, where a symbolic link may point, and the order of names.
// Refuses whatever could become another file, or leave the tree, when it is written to a disk.

import { ENTRY_NAME_BYTES_MAX, LINK_TARGET_BYTES_MAX } from '../../proto/limits.ts'

/** Why `name` may not be an entry's name, or undefined if it may. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (name === '.' || name === '..') return 'stands for a directory'
  if (name.includes('/')) return 'holds a slash'
  if (name.includes('\0')) return 'holds a NUL'
  // A decoder of dag-pb drops a leading byte order mark: the name would come back as another one.
  if (name.startsWith('\uFEFF')) return 'begins with a byte order mark'
  if (!name.isWellFormed()) return 'is not valid Unicode'
  if (utf8Length(name) > ENTRY_NAME_BYTES_MAX) return `is longer than ${ENTRY_NAME_BYTES_MAX} bytes`
  return undefined
}

/** A name as messages show it: quoted, control characters escaped, and cut. */
export function quoted(name: string): string {
  return name.length > ENTRY_NAME_BYTES_MAX
    ? `${JSON.stringify(name.slice(0, ENTRY_NAME_BYTES_MAX))}…`
    : JSON.stringify(name)
}

/**
 * How many directories a link's target climbs before it goes down, or why it is refused. '..' may only lead: behind a
 * name it would climb from wherever that name, itself perhaps a link, points to. So each link is safe on its own.
 */
export function targetClimb(target: string): number | string {
  if (target === '') return 'is empty'
  if (target.startsWith('/')) return 'is absolute'
  if (target.includes('\0')) return 'holds a NUL'
  if (!target.isWellFormed()) return 'is not valid Unicode'
  if (utf8Length(target) > LINK_TARGET_BYTES_MAX) return `is longer than ${LINK_TARGET_BYTES_MAX} bytes`
  let climb = 0
  let descended = false
  for (const segment of target.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment !== '..') descended = true
    else if (descended) return "climbs with '..' behind a name"
    else climb++
  }
  return climb
}

/** Why a link that lies `depth` directories below the root may not have this target, or undefined if it may. */
export function targetFault(target: string, depth: number): string | undefined {
  const climb = targetClimb(target)
  if (typeof climb === 'string') return climb
  return climb > depth ? 'leaves the tree' : undefined
}

/** Order of names by their UTF-8 bytes, which is that of code points: UTF-16 puts U+E000–U+FFFF behind surrogates. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return codePointRank(x) - codePointRank(y)
  }
  return a.length - b.length
}

function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** Bytes of a well-formed text in UTF-8. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text)
}

/** The text in bytes, or undefined unless they are UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return utf8Length(text) === bytes.length && Buffer.compare(Buffer.from(text), bytes) === 0 ? text : undefined
}
