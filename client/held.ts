// The bytes of a Payload once they are here, and its value once somebody wants it: in memory, or in a file of the store that is on
// lease. Fetches; decodes at most once; gives the lease back when nothing reads the file any more.

import type { Got, GotBytes } from '../proto/api.ts'
import type { Encoding } from '../proto/codec.ts'
import { mediaTypeOf } from '../proto/codec.ts'
import { hasCode, PathmeshError } from '../proto/errors.ts'
import type { Ref } from '../proto/ref.ts'
import type { Calls } from './calls.ts'
import type { Codec } from './codecs/codec.ts'
import { fileSource, memorySource, type OpenSource } from './codecs/source.ts'
import { requestOf, type FetchOptions } from './get.ts'
import { versionOfGot, type Version } from './version.ts'

/** What decodes a value that was encoded so, or says nothing of it, the best first. CODEC_NOT_FOUND where nothing does. */
export type FindCodecs = (encoding: Encoding | undefined) => readonly [Codec, ...Codec[]]

/** Gives back what nobody can ask for any more. A lease that cannot be given back ends with the connection. */
const abandoned = new FinalizationRegistry((release: () => Promise<void>) => void release().catch(() => undefined))

export class Held {
  readonly version: Version
  /** Let go with the file: what was decoded may be all that is left in memory. */
  #source: OpenSource | undefined
  readonly #codec: Codec | PathmeshError
  readonly #release: () => Promise<void>
  #readers = 0
  #isReleased = false
  #decoding: Promise<unknown> | undefined
  #value: { readonly value: unknown } | undefined

  private constructor(
    version: Version,
    source: OpenSource,
    codec: Codec | PathmeshError,
    release: () => Promise<void>
  ) {
    this.version = version
    this.#source = source
    this.#codec = codec
    this.#release = release
    abandoned.register(this, release, this)
  }

  /** Fetches the bytes, and loads what decodes them. That nothing does is told when the value is wanted. */
  static async fetch(calls: Calls, ref: Ref, find: FindCodecs, options: FetchOptions): Promise<Held> {
    const got = await calls.getInline(await requestOf(calls, ref, options), options)
    const release = releaseOf(calls, got)
    try {
      return new Held(versionOfGot(ref, got), sourceOf(got), await readied(find, encodingOf(got)), release)
    } catch (error) {
      await release()
      throw error
    }
  }

  /** The value, decoded at the first call. NOT_FETCHED where that takes time, which `decoded()` has. */
  value(): unknown {
    if (this.#value !== undefined) return this.#value.value
    const value = this.#decode()
    if (!(value instanceof Promise)) return this.#keep(value)
    value.catch(() => undefined)
    throw new PathmeshError('NOT_FETCHED', `${this.#name} decodes this Payload in its own time: await get()`)
  }

  async decoded(): Promise<unknown> {
    if (this.#value !== undefined) return this.#value.value
    this.#decoding ??= this.#reading(async () => this.#keep(await this.#decode())).finally(
      () => (this.#decoding = undefined)
    )
    return await this.#decoding
  }

  /** What another codec makes of the same bytes. */
  async decodedBy(codec: Codec): Promise<unknown> {
    return await this.#reading(async source => {
      await codec.ready?.()
      return await codec.decode(source)
    })
  }

  /** Has the value that `other` has, if the same codec decoded the same bytes. */
  takeValue(other: Held): void {
    const { root, codec } = other.version
    if (root === this.version.root && codec === this.version.codec) this.#value ??= other.#value
  }

  /** Whether the bytes can still be read: until they were decoded. */
  get isReadable(): boolean {
    return !this.#isReleased
  }

  /** Gives the file back, once nobody reads it; what is in memory stays good. */
  async release(): Promise<void> {
    this.#isReleased = true
    if (this.#readers === 0) await this.#close()
  }

  get #name(): string {
    return this.#codec instanceof PathmeshError ? 'no codec' : `the codec ${this.#codec.id}`
  }

  #decode(): unknown {
    if (this.#codec instanceof PathmeshError) throw this.#codec
    return this.#codec.decode(this.#opened())
  }

  #opened(): OpenSource {
    if (!this.#isReleased && this.#source !== undefined) return this.#source
    throw new PathmeshError('NOT_FETCHED', 'this Payload was released: fetch() it again')
  }

  async #reading<T>(read: (source: OpenSource) => Promise<T>): Promise<T> {
    const source = this.#opened()
    this.#readers++
    try {
      return await read(source)
    } finally {
      if (--this.#readers === 0 && this.#isReleased) await this.#close()
    }
  }

  async #close(): Promise<void> {
    abandoned.unregister(this)
    this.#source?.close()
    this.#source = undefined
    await this.#release()
  }

  #keep(value: unknown): unknown {
    this.#value = { value }
    // Nothing reads the file any more. A lease that cannot be given back ends with the connection.
    this.release().catch(() => undefined)
    return value
  }
}

/** The first whose libraries are installed; the error of the first of all, where none is. */
async function readied(find: FindCodecs, encoding: Encoding | undefined): Promise<Codec | PathmeshError> {
  let missing: PathmeshError | undefined
  try {
    for (const codec of find(encoding)) {
      const fault = await faultOf(codec)
      if (fault === undefined) return codec
      missing ??= fault
    }
  } catch (error) {
    if (!hasCode(error, 'CODEC_NOT_FOUND')) throw error
    missing ??= error
  }
  return missing ?? new PathmeshError('CODEC_NOT_FOUND', 'nothing decodes this Payload')
}

async function faultOf(codec: Codec): Promise<PathmeshError | undefined> {
  try {
    await codec.ready?.()
    return undefined
  } catch (error) {
    if (hasCode(error, 'CODEC_NOT_FOUND')) return error
    throw error
  }
}

function encodingOf({ codec, mediaType }: Got | GotBytes): Encoding | undefined {
  return codec === null ? undefined : { codec, mediaType: mediaType ?? mediaTypeOf(codec) }
}

function sourceOf(got: Got | GotBytes): OpenSource {
  if (got.event === 'bytes') return memorySource(new Uint8Array(Buffer.from(got.bytes, 'base64')))
  if (got.kind === 'file') return fileSource(got.path, got.size)
  throw new PathmeshError('INVALID_ARGUMENT', `${got.path} is a ${got.kind}, and no Payload: get it as a Path`)
}

/** Gives the path back, once. */
function releaseOf(calls: Calls, got: Got | GotBytes): () => Promise<void> {
  let lease = got.event === 'bytes' ? null : got.lease
  return async () => {
    const held = lease
    lease = null
    if (held !== null) await calls.release(held)
  }
}
