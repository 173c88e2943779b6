// CBOR to a value, in one pass over bytes that nobody vouches for. Makes nothing but plain data: fresh objects, lists, Maps, Sets,
// Dates, numbers, text and memory. All it makes stands in proportion to the bytes read: the worst of them, an empty list or empty
// bytes of one byte each, take some 130 bytes of memory.

import { VALUE_DEPTH_MAX } from '../../proto/limits.ts'
import { bigintOfBytes, dateOfSeconds, dateOfText } from './cbor-scalars.ts'
import { CborReader, INDEFINITE } from './cbor-reader.ts'
import {
  arrayFormOf,
  FOREIGN_TAGS,
  TAG_BIGINT,
  TAG_BIGINT_NEGATIVE,
  TAG_DATE_SECONDS,
  TAG_DATE_TEXT,
  TAG_MAP,
  TAG_SELF_DESCRIBED,
  TAG_SET,
  typedArray
} from './cbor-tags.ts'
import { MAJOR } from './cbor-writer.ts'
import { quoted } from './key-path.ts'

/** The value of some CBOR, all of it. Errors as said of `cborCodec`. */
export function decodeCbor(bytes: Uint8Array): unknown {
  const reader = new CborReader(bytes)
  const value = new CborDecoder(reader).decode()
  if (reader.left > 0) throw reader.damage(`${reader.left} bytes follow the value`)
  return value
}

class CborDecoder {
  readonly #reader: CborReader
  #depth = 0

  constructor(reader: CborReader) {
    this.#reader = reader
  }

  decode(): unknown {
    if (this.#reader.peekMajor() !== MAJOR.tag) return this.#value()
    const tag = this.#reader.uint(this.#reader.first() & 31)
    return tag === TAG_SELF_DESCRIBED ? this.#value() : this.#tagged(tag)
  }

  #value(): unknown {
    const first = this.#reader.first()
    const info = first & 31
    switch (first >> 5) {
      case MAJOR.uint:
        return this.#reader.uint(info)
      case MAJOR.negative:
        return this.#negative(info)
      case MAJOR.bytes:
        return new Uint8Array(this.#reader.bytes(info))
      case MAJOR.text:
        return this.#reader.text(info)
      case MAJOR.list:
        return this.#list(info)
      case MAJOR.map:
        return this.#fields(info)
      case MAJOR.tag:
        return this.#tagged(this.#reader.uint(info))
      default:
        return this.#reader.simple(info)
    }
  }

  #negative(info: number): number | bigint {
    const below = this.#reader.uint(info)
    return below < Number.MAX_SAFE_INTEGER ? -1 - Number(below) : -1n - BigInt(below)
  }

  #list(info: number): unknown[] {
    const list: unknown[] = []
    this.#each(info, 1, at => {
      this.#step(at)
      list.push(this.#value())
    })
    return list
  }

  /** An object where all keys are text, as another language writes its dictionaries; else a Map. */
  #fields(info: number): unknown {
    const fields: Record<string, unknown> = {}
    const keys: string[] = []
    let map: Map<unknown, unknown> | undefined
    this.#each(info, 2, at => {
      this.#step({ keyAt: at })
      if (map !== undefined || this.#reader.peekMajor() !== MAJOR.text) {
        map ??= new Map(keys.map(key => [key, fields[key]]))
        this.#entry(map, at)
        return
      }
      const key = this.#reader.text(this.#reader.first() & 31)
      this.#step(key)
      keys.push(key)
      // What objects have by themselves, like `constructor`, is covered and not assigned to.
      if (key in fields) this.#define(fields, key)
      else fields[key] = this.#value()
    })
    return map ?? fields
  }

  #define(fields: Record<string, unknown>, key: string): void {
    if (key === '__proto__') throw this.#reader.damage('the key "__proto__" would change what objects are')
    if (Object.hasOwn(fields, key)) throw this.#reader.damage(`the key ${quoted(key)} is there twice`)
    Object.defineProperty(fields, key, { value: this.#value(), writable: true, enumerable: true, configurable: true })
  }

  #map(info: number): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>()
    this.#each(info, 2, at => this.#entry(map, at))
    return map
  }

  #entry(map: Map<unknown, unknown>, at: number): void {
    this.#step({ keyAt: at })
    const key = this.#value()
    this.#step({ mapKey: key })
    if (map.has(key)) throw this.#reader.damage('this key is there twice')
    map.set(key, this.#value())
  }

  #set(info: number): Set<unknown> {
    const set = new Set<unknown>()
    this.#each(info, 1, at => {
      this.#step(at)
      const item = this.#value()
      if (set.has(item)) throw this.#reader.damage('this item of a Set is there twice')
      set.add(item)
    })
    return set
  }

  /** Content is of the one kind that its tag wants, so that tags cannot lie inside each other without end. */
  #tagged(tag: number | bigint): unknown {
    if (tag === TAG_DATE_TEXT) return this.#date(dateOfText(this.#reader.text(this.#content(MAJOR.text, tag))))
    if (tag === TAG_DATE_SECONDS) return this.#date(dateOfSeconds(this.#number()))
    if (tag === TAG_BIGINT || tag === TAG_BIGINT_NEGATIVE) return this.#bigint(tag)
    if (tag === TAG_SET) return this.#set(this.#content(MAJOR.list, tag))
    if (tag === TAG_MAP) return this.#map(this.#content(MAJOR.map, tag))
    if (typeof tag === 'bigint') throw this.#reader.unknown(`the tag ${tag}`)
    const form = arrayFormOf(tag)
    if (form === undefined) {
      const foreign = FOREIGN_TAGS[tag]
      throw this.#reader.unknown(`the tag ${tag}${foreign === undefined ? '' : `, ${foreign},`}`)
    }
    const bytes = this.#reader.bytes(this.#content(MAJOR.bytes, tag))
    if (bytes.length % form.elementBytes === 0) return typedArray(tag, form, bytes)
    throw this.#reader.damage(`${bytes.length} bytes are no whole number of elements of a ${form.name}`)
  }

  #number(): unknown {
    const major = this.#reader.peekMajor()
    if (major === MAJOR.uint || major === MAJOR.negative || major === MAJOR.simple) return this.#value()
    throw this.#reader.damage(`what follows the tag ${TAG_DATE_SECONDS} is not a number`)
  }

  #date(date: Date | undefined): Date {
    if (date !== undefined) return date
    throw this.#reader.damage('a date is none, or is out of range')
  }

  #bigint(tag: number): bigint {
    const size = bigintOfBytes(this.#reader.bytes(this.#content(MAJOR.bytes, tag)))
    if (size === undefined) throw this.#reader.damage('a bigint has more bytes than this runtime can count with')
    return tag === TAG_BIGINT ? size : -1n - size
  }

  /** What the content of a tag begins with, which has to be of this kind. */
  #content(major: number, tag: number): number {
    if (this.#reader.peekMajor() === major) return this.#reader.first() & 31
    throw this.#reader.damage(`what follows the tag ${tag} is not of the kind that it wants`)
  }

  /** Reads the items of a list or map, each of at least `bytesEach`. `read` begins with `#step`. */
  #each(info: number, bytesEach: number, read: (at: number) => void): void {
    if (++this.#depth > VALUE_DEPTH_MAX)
      throw this.#reader.damage(`more than ${VALUE_DEPTH_MAX} lists and maps lie inside each other`)
    const { steps } = this.#reader
    const count = info === INDEFINITE ? Infinity : this.#reader.count(info, bytesEach)
    steps.push(0)
    for (let at = 0; count === Infinity ? !this.#reader.takeBreak() : at < count; at++) read(at)
    steps.pop()
    this.#depth--
  }

  #step(step: string | number | { mapKey: unknown } | { keyAt: number }): void {
    this.#reader.steps[this.#depth - 1] = step
  }
}
