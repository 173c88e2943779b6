// What a user types to name many names: how they begin, and whose they are. Takes the forms of a reference, cut off anywhere.
// Refuses what could begin no name, rather than to find nothing.

import { PathmeshError } from '../proto/errors.ts'
import type { CallOptions, Calls } from './calls.ts'
import { peerIdOf } from './node-id.ts'

export interface Prefix {
  /** As names are stored: decoded, in NFC. */
  readonly prefix: string
  /** A PeerId or a node's name. */
  readonly node?: string
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//

/** The beginning in `WORK[@NODE][/PATH]`, taken literally, or in `pathmesh://…`, percent-decoded. */
export function parsePrefix(text: string): Prefix {
  const scheme = SCHEME.exec(text)
  if (scheme === null) return split(text, text, part => part)
  const rest = text.slice(scheme[0].length)
  if (scheme[1]?.toLowerCase() !== 'pathmesh') throw refusal(text, 'only pathmesh:// has names')
  if (/[?#]/.test(rest)) throw refusal(text, "leave out the version; a '?' or '#' in a name is written %3F or %23")
  return split(rest, text, part => decode(part, text))
}

/** Those that come from the node, and what comes from none. */
export async function* ofNode<T extends object>(
  calls: Calls,
  node: string | undefined,
  found: AsyncIterable<T>,
  options: CallOptions
): AsyncGenerator<T, void, undefined> {
  const origin = node === undefined ? undefined : await peerIdOf(calls, node, options)
  for await (const one of found) if (origin === undefined || !('origin' in one) || one.origin === origin) yield one
}

function split(rest: string, text: string, read: (part: string) => string): Prefix {
  const slash = rest.indexOf('/')
  const [work = '', node, ...more] = (slash < 0 ? rest : rest.slice(0, slash)).split('@')
  if (more.length > 0 || node === '' || (work === '' && rest !== ''))
    throw refusal(text, "it is WORK, WORK@NODE or WORK/PATH; an '@' in a work is written pathmesh://a%40b/")
  // A node ends the work.
  const path = slash >= 0 ? rest.slice(slash) : node === undefined ? '' : '/'
  const prefix = `${read(work)}${read(path)}`.normalize('NFC')
  return node === undefined ? { prefix } : { prefix, node: read(node) }
}

function decode(part: string, text: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw refusal(text, "a '%' in it is not followed by the hexadecimal digits of UTF-8", cause)
  }
}

function refusal(text: string, why: string, cause?: unknown): PathmeshError {
  return new PathmeshError('INVALID_ARGUMENT', `${JSON.stringify(text)} begins no name: ${why}`, { cause })
}
