// The CBOR tags that values are written with and read from (RFC 8949 section 3.4, RFC 8746, and the registry of IANA for Set and
// Map), and typed arrays in the byte order of any machine.

/** A date and time as text, as RFC 3339 has it. Read, and not written. */
export const TAG_DATE_TEXT = 0
/** Seconds since 1970, with a fraction where there is one. */
export const TAG_DATE_SECONDS = 1
/** A bigint from 0 up, as big-endian bytes. */
export const TAG_BIGINT = 2
/** A bigint below 0: bytes of -1 less it. */
export const TAG_BIGINT_NEGATIVE = 3
/** A list whose items differ: a Set. */
export const TAG_SET = 258
/** A map of entries rather than of fields: a Map. */
export const TAG_MAP = 259
/** Says of a whole file that it is CBOR. Read, and not written. */
export const TAG_SELF_DESCRIBED = 55799

/** What other tags are, that other languages write for values of theirs. */
export const FOREIGN_TAGS: Readonly<Record<number, string>> = {
  4: 'a decimal number',
  5: 'a big float',
  28: 'a shared value',
  29: 'a shared value',
  30: 'a fraction',
  35: 'a regular expression',
  37: 'a UUID',
  100: 'a date without a time',
  1004: 'a date without a time'
}

/** Tags of one kind of typed array, and how one is made of memory that is all its own. */
export interface ArrayForm {
  /** Of its class. */
  readonly name: string
  readonly elementBytes: 1 | 2 | 4 | 8
  readonly littleTag: number
  readonly bigTag: number
  make(memory: ArrayBuffer): ArrayBufferView
}

const form = (
  name: string,
  elementBytes: 1 | 2 | 4 | 8,
  littleTag: number,
  bigTag: number,
  make: (memory: ArrayBuffer) => ArrayBufferView
): ArrayForm => ({ name, elementBytes, littleTag, bigTag, make })

const FORMS: readonly ArrayForm[] = [
  form('Uint8Array', 1, 64, 64, memory => new Uint8Array(memory)),
  form('Uint8ClampedArray', 1, 68, 68, memory => new Uint8ClampedArray(memory)),
  form('Int8Array', 1, 72, 72, memory => new Int8Array(memory)),
  form('Uint16Array', 2, 69, 65, memory => new Uint16Array(memory)),
  form('Uint32Array', 4, 70, 66, memory => new Uint32Array(memory)),
  form('BigUint64Array', 8, 71, 67, memory => new BigUint64Array(memory)),
  form('Int16Array', 2, 77, 73, memory => new Int16Array(memory)),
  form('Int32Array', 4, 78, 74, memory => new Int32Array(memory)),
  form('BigInt64Array', 8, 79, 75, memory => new BigInt64Array(memory)),
  form('Float16Array', 2, 84, 80, float16Array),
  form('Float32Array', 4, 85, 81, memory => new Float32Array(memory)),
  form('Float64Array', 8, 86, 82, memory => new Float64Array(memory))
]

const BY_TAG = new Map(FORMS.flatMap(one => [[one.littleTag, one] as const, [one.bigTag, one] as const]))
const BY_NAME = new Map(FORMS.map(one => [one.name, one]))

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** The typed arrays that a tag stands for, if it does. */
export function arrayFormOf(tag: number): ArrayForm | undefined {
  return BY_TAG.get(tag)
}

/** The tag for a typed array of this class as it lies in this machine's memory. */
export function arrayTagOf(name: string): number | undefined {
  const found = BY_NAME.get(name)
  return LITTLE_ENDIAN ? found?.littleTag : found?.bigTag
}

/** The typed array of a tag's bytes, which are copied. Their number is a multiple of `elementBytes`. */
export function typedArray(tag: number, form: ArrayForm, bytes: Uint8Array): ArrayBufferView {
  const { elementBytes, littleTag, bigTag } = form
  const memory = new ArrayBuffer(bytes.length)
  const copy = Buffer.from(memory)
  copy.set(bytes)
  if (littleTag !== bigTag && (tag === littleTag) !== LITTLE_ENDIAN) {
    if (elementBytes === 2) copy.swap16()
    if (elementBytes === 4) copy.swap32()
    if (elementBytes === 8) copy.swap64()
  }
  return form.make(memory)
}

/** A float of two bytes (IEEE 754 binary16) by its bits. */
export function float16(bits: number): number {
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25)
  const value = exponent < 31 ? size : fraction === 0 ? Infinity : NaN
  return bits >> 15 === 0 ? value : -value
}

/** A Float16Array where this runtime has one; wider elsewhere, which loses nothing. */
function float16Array(memory: ArrayBuffer): ArrayBufferView {
  const known: unknown = Reflect.get(globalThis, 'Float16Array')
  if (typeof known === 'function') {
    const made: unknown = Reflect.construct(known, [memory])
    if (ArrayBuffer.isView(made)) return made
  }
  return Float32Array.from(new Uint16Array(memory), float16)
}
