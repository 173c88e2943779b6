// What a codec is: values to bytes and back. Built-in ones and those that programs register have this one form. A codec moves
// no bytes and knows no mesh.

/** The bytes of a Payload, here already. Everything is synchronous, because `payload.value` is. */
export interface Source {
  /** Bytes in all. */
  readonly size: number
  /**
   * All of them, in one piece of memory that is the caller's alone and begins at offset 0 of its ArrayBuffer. The same piece each
   * time. TOO_LARGE past PAYLOAD_MEMORY_BYTES_MAX: `read` takes parts.
   */
  bytes(): Uint8Array<ArrayBuffer>
  /** Bytes [start, end), in memory of their own. RangeError outside of it. */
  read(start: number, end: number): Uint8Array<ArrayBuffer>
  /** Absolute path of a file that holds them, for a library that wants one. Not to be written to; there until `decode` ends. */
  path(): string
}

/** Encoded bytes: at once, or in pieces that are sent as they come. A piece is not written to until the next is asked for. */
export type Pieces = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** Turns values of one kind into bytes and back. */
export interface Codec<T = unknown> {
  /** Stored with each version: letters, digits and `. _ + - /`, at most 64. `acme/model-1`. */
  readonly id: string
  /** RFC 6838: tells other languages, and other codecs, what the bytes are. */
  readonly mediaType: string
  /** Loads what the other two need; they run after it. CODEC_NOT_FOUND where something is not installed. */
  ready?(): Promise<void>
  /** Whether it encodes this value. Cheap and without effect; looks at the outside only. */
  matches(value: unknown): value is T
  /** CODEC_NOT_FOUND, naming the key, for something inside that it cannot encode. The value is not changed. */
  encode(value: T): Pieces | Promise<Pieces>
  /**
   * The value. Runs none of it as code, and believes nothing that it has not compared with `source.size`. CORRUPT, naming the
   * key, for bytes that are not of its form. Where it gives a promise, `payload.value` works only after `payload.get()`.
   */
  decode(source: Source): T | Promise<T>
}
