// Bytes to JSON values, one a line. Refuses a line longer than its bound, one that is not an object, and an end in the middle
// of a line. Heartbeats (empty objects) are not handed on.

import { PathmeshError } from '../proto/errors.ts'
import { API_LINE_BYTES_MAX } from '../proto/limits.ts'

const NEWLINE = 0x0a

/** Yields the objects in `chunks`; never holds more than one line and one chunk. */
export async function* parseLines(
  chunks: AsyncIterable<Uint8Array>,
  lineBytesMax: number = API_LINE_BYTES_MAX
): AsyncGenerator<object, void, undefined> {
  let pieces: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = [...pieces, chunk.subarray(start, end)]
      checkLength(bytes + end - start, lineBytesMax)
      pieces = []
      bytes = 0
      start = end + 1
      const value = parseLine(Buffer.concat(line).toString())
      if (value !== undefined) yield value
    }
    if (start === chunk.length) continue
    bytes += chunk.length - start
    checkLength(bytes, lineBytesMax)
    pieces.push(chunk.subarray(start))
  }
  if (bytes > 0)
    throw new PathmeshError('INTERNAL', `the daemon's answer ended in the middle of a line, after ${bytes} bytes of it`)
}

function parseLine(text: string): object | undefined {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null)
    throw new PathmeshError('INTERNAL', `a line of the daemon's answer is not an object: ${cut(text)}`)
  return Object.keys(value).length === 0 ? undefined : value
}

/** The JSON value in what a daemon answered; INTERNAL when there is none. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch (cause) {
    throw new PathmeshError('INTERNAL', `the daemon answered something that is not JSON: ${cut(text)}`, { cause })
  }
}

function checkLength(bytes: number, max: number): void {
  if (bytes > max) throw new PathmeshError('TOO_LARGE', `a line of the daemon's answer is longer than ${max} bytes`)
}

function cut(text: string): string {
  return JSON.stringify(text.slice(0, 200))
}
