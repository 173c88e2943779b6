// Owns the place of a name in a sharded directory (HAMT of 256, murmur3), for building, checking and looking up alike.
// Refuses names whose hashes agree in all 64 bits: no implementation could tell them apart.

import { murmur3128 } from '@multiformats/murmur3'
import { SHARD_FANOUT } from '../../proto/limits.ts'

/** Multicodec of murmur3-x64-64: the only hash of sharded directories. */
export const MURMUR3 = 0x22
/** Shards one inside the other: a byte of the 64-bit hash each. */
export const SHARD_LEVELS_MAX = 8
/** Characters before the name in a link of a shard. */
export const SLOT_CHARS = 2

const encoder = new TextEncoder()

/** The slot of a name in each of the 8 levels of shards. */
export function hashPath(name: string): Uint8Array {
  const hash = murmur3128.encode(encoder.encode(name))
  if (!(hash instanceof Uint8Array)) throw new TypeError('murmur3 is expected to be synchronous')
  return hash.subarray(0, SHARD_LEVELS_MAX)
}

/** A slot as the link of a shard spells it: two upper-case hexadecimal digits. */
export function slotPrefix(slot: number): string {
  return slot.toString(16).toUpperCase().padStart(SLOT_CHARS, '0')
}

/** The slot that a link's name begins with, or undefined if it does not. */
export function slotOf(linkName: string): number | undefined {
  return /^[0-9A-F]{2}/.test(linkName) ? Number.parseInt(linkName.slice(0, SLOT_CHARS), 16) : undefined
}

/** The bit field of the slots in use: a big-endian number without leading zero bytes. */
export function bitField(slots: Iterable<number>): Uint8Array {
  const bits = new Uint8Array(SHARD_FANOUT / 8)
  for (const slot of slots) {
    const at = bits.length - 1 - (slot >> 3)
    bits[at] = (bits[at] ?? 0) | (1 << (slot & 7))
  }
  const first = bits.findIndex(byte => byte !== 0)
  return bits.subarray(first === -1 ? bits.length : first)
}
