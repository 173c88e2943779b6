// Reads and writes the block that trees of many files are made of, a flat directory, in one pass and several times as fast as a
// codec that does not know what it will find. Refuses nothing: whatever is not such a block to the byte is left to node.ts.

import type { CID } from 'multiformats/cid'
import type { DirectoryEntry } from './directory.ts'
import { CID_BYTES, readCid } from './multihash.ts'
import { compareNames, decodeUtf8, nameFault, utf8Length } from './names.ts'

/** Tags of dag-pb: a link, its CID, its name and its size; then the UnixFS node, which says "directory" and nothing else. */
const LINK = 0x12
const HASH = 0x0a
const NAME = 0x12
const TSIZE = 0x18
const TAIL = Uint8Array.of(0x0a, 2, 8, 1)

/** The entries of a flat directory in its only accepted encoding; undefined for any other block, sound or not. */
export function readFlatDirectory(bytes: Uint8Array): DirectoryEntry[] | undefined {
  const reader = new Reader(bytes)
  const entries: DirectoryEntry[] = []
  let before: string | undefined
  while (reader.take(LINK)) {
    const length = reader.varint()
    const end = reader.at + length
    const cid = reader.take(HASH) && reader.take(CID_BYTES) ? reader.cid() : undefined
    const name = reader.take(NAME) ? reader.text(reader.varint()) : undefined
    if (cid === undefined || name === undefined || !reader.take(TSIZE)) return undefined
    const tsize = reader.varint()
    if (!Number.isSafeInteger(tsize) || reader.at !== end || nameFault(name) !== undefined) return undefined
    if (before !== undefined && compareNames(before, name) >= 0) return undefined
    before = name
    entries.push({ name, cid, tsize })
  }
  return TAIL.every(byte => reader.take(byte)) && reader.at === bytes.length ? entries : undefined
}

/** The block of entries that are in order, and whose names were looked at. */
export function writeFlatDirectory(entries: readonly DirectoryEntry[]): Uint8Array {
  const links = entries.map(({ name, tsize }) => {
    const nameBytes = utf8Length(name)
    return { nameBytes, length: 4 + CID_BYTES + varintLength(nameBytes) + nameBytes + varintLength(tsize) }
  })
  const block = Buffer.alloc(links.reduce((sum, { length }) => sum + 1 + varintLength(length) + length, TAIL.length))
  let at = 0
  const put = (...bytes: readonly number[]): void => {
    for (const byte of bytes) block[at++] = byte
  }
  const putVarint = (value: number): void => {
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      if (rest < 128) return put(rest)
      put((rest % 128) | 128)
    }
  }
  for (const [i, { name, cid, tsize }] of entries.entries()) {
    const { nameBytes, length } = links[i] ?? { nameBytes: 0, length: 0 }
    put(LINK)
    putVarint(length)
    put(HASH, CID_BYTES)
    block.set(cid.bytes, at)
    at += CID_BYTES
    put(NAME)
    putVarint(nameBytes)
    at += block.write(name, at)
    put(TSIZE)
    putVarint(tsize)
  }
  block.set(TAIL, at)
  return block
}

function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++
  return length
}

/** What cannot be read is NaN or undefined, and so is every place behind it. */
class Reader {
  at = 0
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Whether this byte is next; then it is behind. */
  take(byte: number): boolean {
    if (this.#bytes[this.at] !== byte) return false
    this.at++
    return true
  }

  /** NaN where it ends too late, or is longer than it need be. */
  varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined || scale > Number.MAX_SAFE_INTEGER) return Number.NaN
      value += (byte & 127) * scale
      if (byte < 128) return byte === 0 && scale > 1 ? Number.NaN : value
    }
  }

  text(length: number): string | undefined {
    const end = this.at + length
    if (!(end <= this.#bytes.length)) return undefined
    return decodeUtf8(this.#bytes.subarray(this.at, (this.at = end)))
  }

  cid(): CID | undefined {
    return readCid(this.#bytes.subarray(this.at, (this.at += CID_BYTES)))
  }
}
