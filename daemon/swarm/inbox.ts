// The bytes of one stream that have arrived and have not been read. Bytes that arrive while a reader waits are
// copied once, into the reader's own target; the others are kept as they came. Its bound is the stream's pause.

export class Inbox {
  #chunks: Uint8Array[] = []
  #head = 0
  #bytes = 0
  #target: Uint8Array | undefined
  #filled = 0

  /** Bytes kept, without those in a target. */
  get sizeBytes(): number {
    return this.#bytes
  }

  /** Whether a target waits for more. */
  get hungry(): boolean {
    return this.#target !== undefined && this.#filled < this.#target.byteLength
  }

  /** Bytes in the target. */
  get filledBytes(): number {
    return this.#filled
  }

  push(chunk: Uint8Array): void {
    let rest = chunk
    if (this.#target !== undefined && this.#filled < this.#target.byteLength) {
      const room = this.#target.byteLength - this.#filled
      const part = chunk.byteLength > room ? chunk.subarray(0, room) : chunk
      this.#target.set(part, this.#filled)
      this.#filled += part.byteLength
      rest = chunk.subarray(part.byteLength)
    }
    if (rest.byteLength === 0) return
    this.#chunks.push(rest)
    this.#bytes += rest.byteLength
  }

  /** `n` bytes without a copy if they lie in one piece; undefined if they do not. */
  slice(n: number): Uint8Array | undefined {
    const first = this.#chunks[this.#head]
    if (first === undefined || first.byteLength < n) return undefined
    this.#consume(n)
    return first.subarray(0, n)
  }

  /** Fills `target` with what is here, and with what arrives until `leave`. */
  aim(target: Uint8Array): void {
    this.#target = target
    this.#filled = 0
    for (let first = this.#chunks[this.#head]; first !== undefined && this.hungry; first = this.#chunks[this.#head]) {
      const part = first.subarray(0, Math.min(first.byteLength, target.byteLength - this.#filled))
      target.set(part, this.#filled)
      this.#filled += part.byteLength
      this.#consume(part.byteLength)
    }
  }

  /** Ends `aim`: the reader has what it wants. */
  leave(): void {
    this.#target = undefined
  }

  /** Ends `aim` and takes back what the target holds, so that a later read finds it. */
  takeBack(): void {
    const target = this.#target
    if (target !== undefined && this.#filled > 0) {
      this.#chunks = [target.slice(0, this.#filled), ...this.#chunks.slice(this.#head)]
      this.#head = 0
      this.#bytes += this.#filled
    }
    this.#target = undefined
  }

  #consume(n: number): void {
    this.#bytes -= n
    const first = this.#chunks[this.#head]
    if (first === undefined) return
    if (n < first.byteLength) {
      this.#chunks[this.#head] = first.subarray(n)
      return
    }
    this.#head++
    if (this.#head === this.#chunks.length || this.#head === 256) {
      this.#chunks = this.#chunks.slice(this.#head)
      this.#head = 0
    }
  }
}
