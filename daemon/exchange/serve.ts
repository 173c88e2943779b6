// What this node answers when a peer asks for content. It hands out what the store gives it, in bounded answers, and
// refuses requests past the limits. Membership was settled before the stream existed.

import type { CID } from 'multiformats/cid'
import { DAG_PB } from '../content/multihash.ts'
import { decodeCid } from '../content/verify.ts'
import { expand } from '../content/walk.ts'
import { type Bytes, bytesOf } from '../frames.ts'
import type { Answer, Handler } from '../rpc.ts'
import { PathmeshError } from '../../proto/errors.ts'
import {
  Blocks,
  FollowAnswer,
  FollowRequest,
  HaveAnswer,
  HaveRequest,
  Leaf,
  LeavesRequest,
  SmallRequest,
  TreeRequest,
  WrongAnswer,
  WrongRequest
} from '../../proto/generated/exchange.ts'
import {
  BLOCKS_ANSWER_MAX,
  BRANCHES_LOOKUPS,
  LEAF_BYTES,
  LEAVES_REQUEST_MAX,
  REQUEST_CIDS_MAX,
  SMALL_ANSWER_BYTES,
  TREE_ANSWER_BYTES
} from '../../proto/limits.ts'
import type { Span } from './provider.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Turns } from './turns.ts'

export interface SentLeaf {
  readonly index: number
  readonly bytes: Uint8Array
}

export interface SmallBlock {
  readonly cid: CID
  /** Undefined where it is not here. */
  readonly bytes: Uint8Array | undefined
}

/** What there is to serve. */
export interface Source {
  /** Any block that is here, verified. */
  block(cid: CID): Promise<Uint8Array | undefined>
  /** Branches that are kept as such, in the order asked. */
  branches(cids: readonly CID[]): Promise<(Uint8Array | undefined)[]>
  /** Small files, in the order asked, an answer at a time. */
  small(cids: readonly CID[]): AsyncIterable<readonly SmallBlock[]>
  /** NOT_FOUND, SOURCE_CHANGED. */
  leaves(file: CID, ranges: readonly Span[], signal: AbortSignal): AsyncIterable<SentLeaf>
  /** Whether this root lies here whole, and its logical bytes. */
  held(root: CID): Promise<{ readonly complete: boolean; readonly bytes: number }>
  /** What is here of a root that is being received, and then what comes; nothing where it is not. `peer` is who asks. */
  follow(
    root: CID,
    peer: string,
    signal: AbortSignal
  ): AsyncIterable<{ readonly spans: readonly Span[]; readonly bytes: number }>
  /** Hears what is being fetched from here: roots, and files inside them. */
  onAsked(cids: readonly CID[]): void
  /** Hashes a leaf again; whether a file was withdrawn. */
  recheck(file: CID, index: number): Promise<boolean>
}

const NONE = new Uint8Array(0)
/** What has begun to go out goes on: the rest of a frame that is given up would take the stream with it. */
const NEVER = new AbortController().signal

export interface ServingParts {
  readonly source: Source
  readonly turns: Turns
  readonly upload: Pick<RateLimit, 'take' | 'perSecond'>
  readonly onServed: (peer: string, bytes: number) => void
}

export function exchangeHandlers({ source, turns, upload, onServed }: ServingParts): Record<string, Handler> {
  /** Lets an answer out: counted, and piece by piece where a rate is set, so that its asker sees it come. */
  const out = (peer: string, answer: Answer): Answer => {
    onServed(peer, answer.payload.length)
    return upload.perSecond === 0 ? answer : { ...answer, pace: bytes => upload.take(bytes, NEVER) }
  }
  return {
    async *tree(body, { peer, signal }) {
      const cids = cidsOf(() => TreeRequest.decode(body, LIMITS).cids)
      source.onAsked(cids.slice(0, 1))
      const done = await turns.take(peer, TREE_ANSWER_BYTES, signal)
      try {
        yield { ...out(peer, await branchesBelow(source, cids, signal)), last: true }
      } finally {
        done()
      }
    },

    async *small(body, { peer, signal }) {
      const cids = cidsOf(() => SmallRequest.decode(body, LIMITS).cids)
      const done = await turns.take(peer, SMALL_ANSWER_BYTES, signal)
      try {
        let left = cids.length
        for await (const blocks of source.small(cids)) {
          signal.throwIfAborted()
          left -= blocks.length
          yield { ...out(peer, answerOf(blocks)), last: left === 0 }
        }
      } finally {
        done()
      }
    },

    async *leaves(body, { peer, signal }) {
      const { file, ranges } = decode(() => LeavesRequest.decode(body, { limits: { ranges: LEAVES_REQUEST_MAX } }))
      const count = ranges.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0)
      if (count === 0 || count > LEAVES_REQUEST_MAX) {
        throw new PathmeshError('INVALID_ARGUMENT', `a request is for 1 to ${LEAVES_REQUEST_MAX} leaves, not ${count}`)
      }
      // One is sent while the next is read.
      source.onAsked([cidOf(file)])
      const done = await turns.take(peer, 2 * LEAF_BYTES, signal)
      try {
        for await (const { index, bytes } of source.leaves(cidOf(file), ranges, signal))
          yield out(peer, { body: Leaf.encode({ index }), payload: bytes })
      } finally {
        done()
      }
    },

    async *have(body) {
      const cids = cidsOf(() => HaveRequest.decode(body, LIMITS).cids)
      const held = await Promise.all(cids.map(async cid => ({ cid: bytesOf(cid.bytes), ...(await source.held(cid)) })))
      yield { body: HaveAnswer.encode({ held }), payload: NONE, last: true }
    },

    async *follow(body, { peer, signal }) {
      const root = cidOf(decode(() => FollowRequest.decode(body).root))
      if (!(await source.held(root)).complete)
        for await (const { spans, bytes } of source.follow(root, peer, signal))
          yield { body: FollowAnswer.encode({ complete: false, bytes, spans: [...spans] }), payload: NONE }
      const { complete, bytes } = await source.held(root)
      if (complete) yield { body: FollowAnswer.encode({ complete, bytes, spans: [] }), payload: NONE, last: true }
    },

    async *wrong(body) {
      const { file, index } = decode(() => WrongRequest.decode(body))
      yield {
        body: WrongAnswer.encode({ withdrawn: await source.recheck(cidOf(file), index) }),
        payload: NONE,
        last: true
      }
    }
  }
}

const LIMITS = { limits: { cids: REQUEST_CIDS_MAX } }

/** The asked branches and, while there is room, those below them, breadth-first. */
async function branchesBelow(source: Source, asked: readonly CID[], signal: AbortSignal): Promise<Answer> {
  const found: SmallBlock[] = []
  const seen = new Set<string>()
  let total = 0
  let level: readonly CID[] = asked
  for (let isAsked = true; level.length > 0; isAsked = false) {
    const below: CID[] = []
    for (let at = 0; at < level.length; at += BRANCHES_LOOKUPS) {
      signal.throwIfAborted()
      const some = level.slice(at, at + BRANCHES_LOOKUPS)
      for (const [i, stored] of (await source.branches(some)).entries()) {
        const cid = some[i]
        if (cid === undefined) continue
        // What is not kept as a branch may be made from a file; that is done for what was asked, not on the way down.
        const bytes = stored ?? (isAsked ? await source.block(cid) : undefined)
        if (bytes === undefined && !isAsked) continue
        found.push({ cid, bytes })
        total += bytes?.length ?? 0
        if (total >= TREE_ANSWER_BYTES || found.length >= BLOCKS_ANSWER_MAX) return answerOf(found)
        for (const child of cid.code === DAG_PB && bytes !== undefined ? expand(cid, bytes) : []) {
          const key = child.toString()
          if (seen.has(key)) continue
          seen.add(key)
          below.push(child)
        }
      }
    }
    level = below
  }
  return answerOf(found)
}

function answerOf(found: readonly SmallBlock[]): Answer {
  const blocks: { cid: Bytes; size: number }[] = []
  const parts: Uint8Array[] = []
  const missing: Bytes[] = []
  for (const { cid, bytes } of found) {
    if (bytes === undefined) {
      missing.push(bytesOf(cid.bytes))
      continue
    }
    blocks.push({ cid: bytesOf(cid.bytes), size: bytes.length })
    parts.push(bytes)
  }
  const [only] = parts
  const payload = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
  return { body: Blocks.encode({ blocks, missing }), payload }
}

function cidsOf(read: () => readonly Uint8Array[]): CID[] {
  return decode(read).map(cidOf)
}

function cidOf(bytes: Uint8Array): CID {
  return decode(() => decodeCid(bytes))
}

function decode<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new PathmeshError('INVALID_ARGUMENT', 'a request cannot be read', { cause })
  }
}
