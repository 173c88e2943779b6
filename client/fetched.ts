// What a Payload has fetched: one version at a time, fetched by one call at a time. A reference that is fixed is fetched once; one
// that follows its name is asked for anew each time, and stays as it is where there is nothing newer.

import { hasCode } from '../proto/errors.ts'
import { PROVIDERS_ASKED_MAX } from '../proto/limits.ts'
import type { Ref } from '../proto/ref.ts'
import type { Calls, RangeOptions } from './calls.ts'
import type { FetchOptions } from './get.ts'
import { Held, type FindCodecs } from './held.ts'
import { orAborted } from './or-aborted.ts'
import type { Version } from './version.ts'

export interface FetchedParts {
  readonly calls: Calls
  readonly ref: Ref
  /** Peers that had it. */
  readonly providers?: readonly string[] | undefined
  readonly codecs: FindCodecs
}

export class Fetched {
  #held: Held | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** What was fetched last. */
  get held(): Held | undefined {
    return this.#held
  }

  /** `isRead`: whether the bytes are wanted once more, and not only the value. */
  fetch(parts: FetchedParts, options: FetchOptions, isRead: boolean): Promise<Held> {
    const turn = orAborted(this.#turn, options.signal).then(() => this.#fetch(parts, options, isRead))
    // Without their results, each of which would hold those before it.
    this.#turn = Promise.allSettled([this.#turn, turn]).then(() => undefined)
    return turn
  }

  async release(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    await held?.release()
  }

  async #fetch(parts: FetchedParts, options: FetchOptions, isRead: boolean): Promise<Held> {
    const before = this.#held
    const serves = before !== undefined && (!isRead || before.isReadable)
    if (serves && isFixed(parts.ref)) return before
    const held = await fetchHeld(parts, options)
    if (serves && isSame(before.version, held.version)) {
      await held.release()
      return before
    }
    if (before !== undefined) held.takeValue(before)
    this.#held = held
    await before?.release()
    return held
  }
}

const isSame = (a: Version, b: Version): boolean => a.root === b.root && a.seq === b.seq && a.codec === b.codec

const isFixed = (ref: Ref): boolean => ref.type === 'content' || ref.version !== undefined

async function fetchHeld({ calls, ref, providers, codecs }: FetchedParts, options: FetchOptions): Promise<Held> {
  const content = contentOf(ref)
  // What can be had without its name is not waited for.
  const wait = content === undefined ? options : { ...options, waitMs: undefined }
  return await byNameOrContent(ref, async asked => {
    const peers = asked === ref ? providers : hinted(ref, providers)
    return await Held.fetch(calls, asked, codecs, { ...wait, providers: peers })
  })
}

/** What `ask` gives of a name; where nobody here knows that name (yet), of the content that the reference speaks of. */
export async function byNameOrContent<T>(ref: Ref, ask: (ref: Ref) => Promise<T>): Promise<T> {
  try {
    return await ask(ref)
  } catch (error) {
    const content = contentOf(ref)
    if (content === undefined || !hasCode(error, 'NOT_FOUND', 'NOT_SYNCED')) throw error
    return await ask(content)
  }
}

/** The content that a fixed reference speaks of, without its name. */
export function contentOf(ref: Ref): Ref | undefined {
  if (ref.type === 'content' || typeof ref.version !== 'string') return undefined
  return { type: 'content', cid: ref.version, path: '' }
}

/** Bytes of a name; where nobody here knows it, of the content that the reference speaks of. */
export async function* contentByName(
  calls: Calls,
  ref: Ref,
  options: RangeOptions
): AsyncGenerator<Buffer, void, undefined> {
  const { chunks, first } = await byNameOrContent(ref, async asked => {
    const opened = calls.content(asked, options)
    return { chunks: opened, first: await opened.next() }
  })
  if (first.done !== true) yield first.value
  yield* chunks
}

/** Whoever published it is likely to have it. */
function hinted(ref: Ref, providers: readonly string[] = []): string[] {
  const origin = ref.type === 'name' && ref.node !== undefined ? [ref.node] : []
  return [...new Set([...origin, ...providers])].slice(0, PROVIDERS_ASKED_MAX)
}
