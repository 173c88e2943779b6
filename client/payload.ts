// Payload: an object that travels by reference. Made of a value, it is published by `mesh.put()`; made of a reference, it fetches the
// bytes and decodes them when the value is wanted. The JSON form holds the reference, never the value.

import type { Readable } from 'node:stream'
import type { Stat } from '../proto/api.ts'
import { mediaTypeOf, type Encoding } from '../proto/codec.ts'
import { PathmeshError } from '../proto/errors.ts'
import { parsePayloadJson, refOfPayload, type PayloadFacts, type PayloadJson } from '../proto/payload-json.ts'
import type { Ref } from '../proto/ref.ts'
import type { CallOptions, Calls, RangeOptions, WaitOptions, Where } from './calls.ts'
import type { Codec } from './codecs/codec.ts'
import { codecNamed, codecsOf, registerCodec } from './codecs/registry.ts'
import { saverCodec, type Saver } from './codecs/saver.ts'
import type { TensorFile } from './codecs/tensor-file.ts'
import { ContentStream } from './content-stream.ts'
import { byNameOrContent, contentByName, contentOf, Fetched } from './fetched.ts'
import type { GetOptions } from './get.ts'
import type { Held } from './held.ts'
import { Reference } from './reference.ts'
import { revive } from './reviver.ts'
import { openTensors } from './open-tensors.ts'
import type { Version } from './version.ts'

/** What is known of the encoded value, when a Payload came with it. */
export type PayloadKnown = Omit<PayloadFacts, 'work' | 'origin' | 'path'>

/** What a Payload is made of beside a value: a reference, its mesh, and what is known of it. */
export interface PayloadParts {
  readonly ref?: Ref | undefined
  readonly calls?: Calls | undefined
  readonly facts?: PayloadKnown | undefined
  /** Decodes it, whatever the reference says. */
  readonly codec?: string | Codec | undefined
}

export interface FetchPayloadOptions extends WaitOptions, Pick<GetOptions, 'stallMs' | 'timeoutMs' | 'waitMs'> {}

export interface GetPayloadOptions extends FetchPayloadOptions {
  /** The codec that decodes it: its id, or one itself. `bytes` gives what travelled; `arrow` or `polars` that kind of table. */
  readonly as?: string | Codec | undefined
}

/** `Payload`, or a class that extends it and keeps its constructor. */
export interface PayloadClass<P extends Payload = Payload> {
  /** `never`: a class takes values of its own kind alone. */
  new (value?: never, parts?: PayloadParts): P
  readonly codec?: string | undefined
  readonly mediaType?: string | undefined
  readonly name: string
}

/** What takes a JSON form. */
interface Mesh {
  payload<P extends Payload>(json: PayloadJson, options: { readonly type: PayloadClass<P> }): P
}

export class Payload<T = unknown> extends Reference<Payload<T>> implements Saver<T> {
  /** Of a class with `save` and `load`: the id under which its bytes are known; by default its name. */
  static readonly codec?: string | undefined
  /** RFC 6838: what the bytes that `save` writes are; by default unknown. */
  static readonly mediaType?: string | undefined

  readonly #own: { readonly value: T } | undefined
  readonly #parts: PayloadParts
  readonly #fetched = new Fetched()

  /** A value that is to be published by `mesh.put()`. The second argument is for `mesh.payload()` and `Payload.from()`. */
  constructor(value?: T, parts: PayloadParts = {}) {
    super()
    if (value === undefined && parts.ref === undefined)
      throw new TypeError('a Payload is made of a value, and undefined is none: use null')
    this.#own = value === undefined ? undefined : { value }
    this.#parts = parts
  }

  /** A class may encode its values itself: this writes one to a new file at the absolute path. */
  save?(value: T, path: string): void | Promise<void>

  /** And decode them: this reads what `save` wrote, from a file that is gone afterwards. */
  load?(path: string): T | Promise<T>

  /** Makes `load` of this class known to the program, for every Payload that names its codec. */
  static register(this: PayloadClass): void {
    registerCodec(codecOfClass(new this(undefined, { ref: NOWHERE })))
  }

  /** The Payload in its JSON form. With a mesh it can be fetched; without one it is a value. INVALID_ARGUMENT for any other value. */
  static from<P extends Payload>(this: PayloadClass<P>, json: unknown, mesh?: Mesh): P {
    const parsed = parsePayloadJson(json)
    if (mesh !== undefined) return mesh.payload(parsed, { type: this })
    return new this(undefined, { ref: refOfPayload(parsed.$payload), facts: parsed.$payload })
  }

  /** For `JSON.parse(text, Payload.reviver)`: as `mesh.reviver`, for Payloads alone, which are values and belong to no mesh. */
  static readonly reviver = (key: string, value: unknown): unknown =>
    revive(key, value, { payload: json => Payload.from(json) })

  // --- what it is

  override get ref(): Ref {
    if (this.#parts.ref !== undefined) return this.#parts.ref
    throw new TypeError('this Payload has no name yet: mesh.put(name, payload) resolves to one that has')
  }

  /** Whether it has a name, and so can be handed on: what `mesh.put()` resolves to has, and every reference. */
  get isPublished(): boolean {
    return this.#parts.ref !== undefined
  }

  /** CID of the encoded value, where that is known. */
  get cid(): string | undefined {
    return this.#parts.facts?.cid ?? this.#fetched.held?.version.cid
  }

  /** Bytes of the encoded value, where known. */
  get size(): number | undefined {
    return this.#parts.facts?.size ?? this.#fetched.held?.version.size
  }

  /** Id of the codec that encoded it, where known. */
  get codec(): string | undefined {
    return this.#parts.facts?.codec ?? this.#fetched.held?.version.codec ?? undefined
  }

  /** The version that was fetched; undefined before. What its reference says of the codec stands where nobody here knows its name. */
  get fetched(): Version | undefined {
    const version = this.#fetched.held?.version
    const codec = this.#parts.facts?.codec
    if (version === undefined || version.codec !== null || codec === undefined) return version
    return { ...version, codec, mediaType: mediaTypeOf(codec) }
  }

  /** Whether anybody knows its name, or has its content. */
  override async exists(options: CallOptions = {}): Promise<boolean> {
    return (await super.exists(options)) || (await this.#isContent(['local', 'remote'], options))
  }

  override async existsLocal(options: CallOptions = {}): Promise<boolean> {
    return (await super.existsLocal(options)) || (await this.#isContent(['local'], options))
  }

  override async existsRemote(options: CallOptions = {}): Promise<boolean> {
    return (await super.existsRemote(options)) || (await this.#isContent(['remote'], options))
  }

  override async stat(options: CallOptions = {}): Promise<Stat> {
    return await byNameOrContent(this.ref, ref => this.calls().stat(ref, options))
  }

  // --- the value

  /** The value, decoded when it is first asked for. NOT_FETCHED before the bytes are here. */
  get value(): T {
    if (this.#own !== undefined) return this.#own.value
    const { held } = this.#fetched
    if (held === undefined)
      throw new PathmeshError(
        'NOT_FETCHED',
        `${this.toString()} is not here yet: await get(), or fetch() and then .value`
      )
    const value = held.value()
    claim<T>(value)
    return value
  }

  /** Fetches the bytes, and leaves decoding to `.value`. One that follows its name gets the newest version each time. */
  async fetch(options: FetchPayloadOptions = {}): Promise<this> {
    if (this.#own === undefined) await this.#fetch(options, false)
    return this
  }

  /** The value, fetched if need be. The same object each time, unless there is a newer version. */
  async get(options?: FetchPayloadOptions): Promise<T>
  async get<V>(options: FetchPayloadOptions & { readonly as: Codec<V> }): Promise<V>
  async get<V = unknown>(options: GetPayloadOptions): Promise<V>
  async get({ as, ...options }: GetPayloadOptions = {}): Promise<unknown> {
    if (as === undefined)
      return this.#own === undefined ? await (await this.#fetch(options, false)).decoded() : this.value
    const codec = typeof as === 'string' ? codecNamed(as) : as
    return await (await this.#fetch(options, true)).decodedBy(codec)
  }

  /** Its bytes from `start` to `end` (both included), as they were encoded; fetches no more than is read. */
  createReadStream(options: RangeOptions = {}): Readable {
    const calls = this.calls()
    return new ContentStream(signal => contentByName(calls, this.ref, { ...options, signal }), options)
  }

  /** Its named tensors, to be read one by one, without the others. CORRUPT where it is not safetensors. */
  async tensors(options: CallOptions = {}): Promise<TensorFile> {
    return await openTensors(this.calls(), this.ref, options)
  }

  /** Gives back what was fetched: `.value` is NOT_FETCHED again, and the daemon may remove the bytes. */
  async release(): Promise<void> {
    await this.#fetched.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  /** What travels in messages and state. TypeError before it was published. */
  toJSON(): PayloadJson {
    const { work, origin, path, version } = this
    const { cid: _, seq, ...known } = this.#parts.facts ?? {}
    const number = typeof version === 'number' ? version : seq
    const fixedFacts = {
      ...(typeof version === 'string' ? { cid: version } : {}),
      ...known,
      ...(number === undefined ? {} : { seq: number })
    }
    return {
      $payload: {
        ...(work === undefined ? {} : { work }),
        ...(origin === undefined ? {} : { origin }),
        path,
        ...(version === undefined ? {} : fixedFacts)
      }
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.isPublished
      ? `${this.constructor.name}(${this.toString()})`
      : `${this.constructor.name}(of no name yet)`
  }

  /** The codec of its class, if that has one. */
  get ownCodec(): Codec<T> | undefined {
    return this.save === undefined && this.load === undefined ? undefined : codecOfClass(this)
  }

  /** The same, of another mesh or under another name. */
  with(parts: PayloadParts): Payload<T> {
    return this.#made(parts, this.#own?.value)
  }

  protected override calls(): Calls {
    const { calls } = this.#parts
    if (calls === undefined) throw new TypeError(`${this.toString()} belongs to no mesh: hand it to mesh.payload()`)
    return calls
  }

  protected override derive(ref: Ref): Payload<T> {
    const { calls, codec } = this.#parts
    return this.#made({ ref, calls, codec })
  }

  #made(parts: PayloadParts, value?: T): Payload<T> {
    const type: unknown = this.constructor
    claim<never>(value)
    const made: unknown = isPayloadClass(type) ? new type(value, parts) : undefined
    claim<Payload<T>>(made)
    return made
  }

  /** Whether what a fixed reference speaks of is there, whoever knows its name. */
  async #isContent(places: readonly Where[], options: CallOptions): Promise<boolean> {
    const content = contentOf(this.ref)
    if (content === undefined) return false
    for (const where of places) if (await this.calls().exists(content, where, options)) return true
    return false
  }

  #fetch(options: FetchPayloadOptions, isRead: boolean): Promise<Held> {
    const { ref } = this
    const providers = this.#parts.facts?.providers
    return this.#fetched.fetch(
      { calls: this.calls(), ref, providers, codecs: encoding => this.#codecs(encoding) },
      options,
      isRead
    )
  }

  #codecs(encoding: Encoding | undefined): readonly [Codec, ...Codec[]] {
    const { codec, facts } = this.#parts
    if (codec !== undefined) return [typeof codec === 'string' ? codecNamed(codec) : codec]
    if (this.load !== undefined) return [codecOfClass(this)]
    // What the reference says goes first: the same bytes may have been put once more, encoded otherwise.
    const said = facts?.codec
    if (said !== undefined && said !== encoding?.codec) return codecsOf({ codec: said, mediaType: mediaTypeOf(said) })
    if (encoding !== undefined) return codecsOf(encoding)
    throw new PathmeshError(
      'CODEC_NOT_FOUND',
      `${this.toString()} was shared as a file, which says nothing of a codec: get it as a Path, or by mesh.payload(ref, { codec })`
    )
  }
}

function codecOfClass<T>(payload: Payload<T>): Codec<T> {
  const type: unknown = payload.constructor
  const { name, codec = name, mediaType = 'application/octet-stream' } = isPayloadClass(type) ? type : Payload
  return saverCodec(payload, { id: codec, mediaType })
}

/** Of one that is made for its methods alone. */
const NOWHERE: Ref = { type: 'content', cid: '', path: '' }

const isPayloadClass = (type: unknown): type is PayloadClass =>
  type === Payload || (typeof type === 'function' && type.prototype instanceof Payload)

// What a codec made of the bytes is what the program said that they are: nobody else can know.
// oxlint-disable-next-line no-unused-vars, typescript/no-unnecessary-type-parameters -- only the compiler is told
function claim<T>(_: unknown): asserts _ is T {}
