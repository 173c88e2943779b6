// Which leaves of a root have been verified and written: one bit for each, by its place in the order of the walk.

export class Ledger {
  #bits: Uint8Array
  #count = 0

  constructor(bits: Uint8Array = new Uint8Array(0)) {
    this.#bits = Uint8Array.from(bits)
    for (const byte of this.#bits) this.#count += ones(byte)
  }

  get count(): number {
    return this.#count
  }

  has(ordinal: number): boolean {
    return (((this.#bits[ordinal >>> 3] ?? 0) >>> (ordinal & 7)) & 1) === 1
  }

  add(ordinal: number): void {
    const at = ordinal >>> 3
    this.#reach(at)
    if (this.has(ordinal)) return
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (ordinal & 7))
    this.#count++
  }

  /** Those from `from` up to, but not including, `to`. */
  addSpan(from: number, to: number): void {
    let ordinal = from
    const end = Math.max(from, to)
    while (ordinal < end && (ordinal & 7) !== 0) this.add(ordinal++)
    const [first, last] = [ordinal >>> 3, end >>> 3]
    if (first < last) {
      this.#reach(last - 1)
      for (let at = first; at < last; at++) this.#count += 8 - ones(this.#bits[at] ?? 0)
      this.#bits.fill(0xff, first, last)
      ordinal = last << 3
    }
    while (ordinal < end) this.add(ordinal++)
  }

  #reach(at: number): void {
    if (at < this.#bits.length) return
    const larger = new Uint8Array(Math.max(64, 2 * this.#bits.length, at + 1))
    larger.set(this.#bits)
    this.#bits = larger
  }

  /** A copy that can be kept; what follows the last bit is cut. */
  toBytes(): Uint8Array {
    let end = this.#bits.length
    while (end > 0 && this.#bits[end - 1] === 0) end--
    return this.#bits.slice(0, end)
  }
}

function ones(byte: number): number {
  let count = 0
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++
  return count
}
