// Reads the JSON of a safetensors header, which is of one form, from left to right. `JSON.parse` would take it too, but hides keys
// that occur twice, makes 1e2 a length, and builds whatever a stranger wrote before anyone can refuse it.

import { PathmeshError, type ErrorCode } from '../../proto/errors.ts'
import { quoted } from './tensor.ts'

const SPACE = /[ \t\n\r]*/y
/** A number that counts something: of at most 16 digits, which 2^53 - 1 has, and nothing after them. */
const COUNT = /(?:0|[1-9][0-9]{0,15})(?![0-9.eE])/y

/** A place in a text. Every method reads something there and moves behind it, or throws CORRUPT, saying where and what. */
export class HeaderReader {
  readonly #text: string
  #at = 0
  #within = 'the header'
  #name: string | undefined

  constructor(text: string) {
    this.#text = text
  }

  /** What is being read, for errors: `tensor "x"`, if a name is given. */
  within(what: string, name?: string): void {
    this.#within = what
    this.#name = name
  }

  /** The keys of an object, each with the place at its value, which has to be read before the next. */
  *members(): Generator<string, void> {
    const seen = new Set<string>()
    this.#expect('{')
    if (this.#take('}')) return
    do {
      const key = this.string()
      if (key === '__proto__') throw this.error('has a key "__proto__"')
      if (seen.has(key)) throw this.error(`has the key ${quoted(key)} twice`)
      seen.add(key)
      this.#expect(':')
      yield key
    } while (this.#take(','))
    this.#expect('}')
  }

  string(): string {
    this.#skip()
    const start = this.#at
    if (this.#text[start] !== '"') throw this.error('has something else where a string is due')
    const token = this.#text.slice(start, this.#endOfString(start) + 1)
    this.#at = start + token.length
    const text = this.#unescaped(token)
    if (!text.isWellFormed()) throw this.error('has half a character in a string')
    return text
  }

  /** A list of counts. */
  counts(): number[] {
    const counts: number[] = []
    this.#expect('[')
    if (this.#take(']')) return counts
    do counts.push(this.#count())
    while (this.#take(','))
    this.#expect(']')
    return counts
  }

  /** Nothing but space may follow. */
  end(): void {
    this.#skip()
    if (this.#at < this.#text.length) throw this.error('goes on after its end')
  }

  /** An error about this place; CORRUPT unless told otherwise. */
  error(what: string, { code = 'CORRUPT', cause }: { code?: ErrorCode; cause?: unknown } = {}): PathmeshError {
    const where = this.#name === undefined ? this.#within : `${this.#within} ${quoted(this.#name)}`
    return new PathmeshError(code, `safetensors: ${where} ${what}, at character ${this.#at} of the header`, { cause })
  }

  #count(): number {
    this.#skip()
    COUNT.lastIndex = this.#at
    const [digits] = COUNT.exec(this.#text) ?? []
    const count = Number(digits)
    if (digits === undefined || !Number.isSafeInteger(count))
      throw this.error('has something else where a count is due')
    this.#at += digits.length
    return count
  }

  /** The quote that ends the string: one behind an even number of backslashes. */
  #endOfString(start: number): number {
    for (let end = start + 1; ; end += 1) {
      end = this.#text.indexOf('"', end)
      if (end === -1) throw this.error('has a string without an end')
      let backslashes = 0
      while (this.#text[end - 1 - backslashes] === '\\') backslashes += 1
      if (backslashes % 2 === 0) return end
    }
  }

  /** In memory of its own: a part of the text would keep all of it. */
  #unescaped(token: string): string {
    try {
      return String(JSON.parse(token))
    } catch (error) {
      throw this.error('has a string that is none', { cause: error })
    }
  }

  #expect(char: string): void {
    if (!this.#take(char)) throw this.error(`has something else where ${char} is due`)
  }

  #take(char: string): boolean {
    this.#skip()
    if (this.#text[this.#at] !== char) return false
    this.#at += 1
    return true
  }

  #skip(): void {
    if (this.#text.charCodeAt(this.#at) > 0x20) return
    SPACE.lastIndex = this.#at
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0
  }
}
