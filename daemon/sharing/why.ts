// Why something does not come: what is known of a reference or of a peer, whom this node asked, what they said, and what would help.
// It looks and asks, and fetches no content; what it cannot find out is part of the answer.

import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import type { Provider } from '../exchange/provider.ts'
import type { ReaderRequest } from '../exchange/remote-reader.ts'
import { ASK_MS } from '../../proto/limits.ts'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import type { Said } from '../../proto/node-api.ts'
import { formatRef, parseRef } from '../../proto/ref.ts'
import type { Why, WhyProvider, WhyQuery, WhyReference } from '../../proto/why-api.ts'
import { find, type Names, type Settled, settle, type TreeReader } from './resolve.ts'
import { endedFacts, type ListedTransfer, type NameOf, transferFacts, type TransferList } from './transfer-facts.ts'
import { helpReference, type Relation } from './why-help.ts'
import { explainPeer, linkTo, type WhyPeerParts } from './why-peer.ts'

export interface WhyParts extends WhyPeerParts {
  readonly names: Names
  readonly store: WhyStore
  readonly peers: { readonly provider: (peer: string) => Promise<Pick<Provider, 'held'>> }
  /** Reads content that may not be here. */
  readonly openReader: (request: ReaderRequest) => TreeReader
  readonly transfers: TransferList
  readonly clock: Clock
}

export interface WhyStore {
  findHolding(root: CID): Promise<{ readonly size: number; readonly kind: 'file' | 'directory' } | undefined>
  partialBytes(root: CID): Promise<number>
}

/** What a reference was found to mean, as far as that is known. */
interface Meant {
  readonly settled: Settled
  readonly cid: CID | undefined
  readonly kind: WhyReference['kind']
  readonly size: number | null
  readonly failure: Said | null
}

export class Explanations {
  readonly #parts: WhyParts

  constructor(parts: WhyParts) {
    this.#parts = parts
  }

  /** NOT_FOUND or INVALID_ARGUMENT for a node that is not known, or not the only one; what fails for a reference is in the answer. */
  async about({ ref, version }: WhyQuery, signal: AbortSignal): Promise<Why> {
    if (ref.includes('/')) return this.#reference(ref, version, signal)
    if (version === undefined) return explainPeer(ref, this.#parts)
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${ref} is the name of a node, which has no versions: a reference is WORK/PATH`
    )
  }

  async #reference(text: string, version: string | undefined, signal: AbortSignal): Promise<WhyReference> {
    const ref = formatRef(parseRef(text, { version }))
    const meant = await this.#settle(text, version, signal)
    if ('code' in meant) return this.#unknown(ref, meant)
    const { settled, cid = settled.root, failure, size } = meant
    const { record, newest, root } = settled
    const nameOf: NameOf = peer => this.#parts.names.nodeName(peer)
    const found = runningFor(this.#parts.transfers.list(), settled, cid)
    const transfer = found === undefined ? null : transferFacts(found.transfer, nameOf)
    const own = found?.relation === 'same' ? transfer : null
    const [last] = this.#parts.transfers.ended(cid.toString())
    const failed = last === undefined || last.error === null ? null : endedFacts(last, nameOf)
    const [here, providers] = await Promise.all([
      this.#here(cid, root, size),
      this.#providers(settled, cid, { transfer, failed }, signal)
    ])
    const known: Omit<WhyReference, 'help'> = {
      about: 'reference',
      ref,
      failure,
      version:
        record === null
          ? null
          : {
              name: record.name,
              origin: record.origin,
              originName: nameOf(record.origin) ?? null,
              seq: record.seq,
              newest: newest?.seq ?? null,
              published: record.time
            },
      cid: cid.toString(),
      root: root.toString(),
      kind: meant.kind,
      size: size ?? own?.bytesTotal ?? failed?.bytesTotal ?? null,
      here: { ...here, bytes: Math.max(here.bytes, own?.bytesDone ?? 0) },
      transfer,
      failed,
      providers
    }
    return { ...known, help: helpReference(known, this.#parts.self, found?.relation) }
  }

  /** What the reference means; the fault where it means nothing here. */
  async #settle(text: string, version: string | undefined, signal: AbortSignal): Promise<Meant | Said> {
    const { names, self, swarm, store, clock, openReader } = this.#parts
    let settled: Settled
    try {
      settled = await settle(text, version, { names, self, peers: () => swarm.connected().length }, signal)
    } catch (error) {
      signal.throwIfAborted()
      return said(error, text)
    }
    const { record, root, sub, hints } = settled
    const asked = hints.filter(peer => peer !== self)
    if (sub === '') {
      const holding = record === null ? await store.findHolding(root) : record
      return { settled, cid: root, kind: holding?.kind ?? null, size: holding?.size ?? null, failure: null }
    }
    try {
      const { entry } = await withDeadline(clock, ASK_MS, `looking for ${sub}`, signal, until =>
        find(settled, openReader({ roots: [root], hints: asked, stallMs: ASK_MS, signal: until }), until)
      )
      return {
        settled,
        cid: entry.cid,
        kind: entry.kind,
        size: entry.kind === 'file' ? entry.size : null,
        failure: null
      }
    } catch (error) {
      signal.throwIfAborted()
      return { settled, cid: undefined, kind: null, size: null, failure: said(error, text) }
    }
  }

  #unknown(ref: string, failure: Said): WhyReference {
    const nothing = { version: null, cid: null, root: null, kind: null, size: null, transfer: null, failed: null }
    const here = { complete: false, bytes: 0 }
    const known = { about: 'reference' as const, ref, failure, ...nothing, here, providers: this.#connected() }
    return { ...known, help: helpReference(known, this.#parts.self) }
  }

  /** Nobody can be asked for what means nothing; who is connected tells whether that is a wonder. */
  #connected(): WhyProvider[] {
    const nothing = { holds: 'unknown' as const, heldBytes: null, said: null, transfer: null }
    return this.#parts.swarm.connected().map(peer => ({ ...linkTo(peer, this.#parts), ...nothing }))
  }

  async #here(cid: CID, root: CID, size: number | null): Promise<WhyReference['here']> {
    const { store } = this.#parts
    const held = await store.findHolding(cid)
    if (held !== undefined) return { complete: true, bytes: held.size }
    const within = cid.equals(root) ? undefined : await store.findHolding(root)
    if (within !== undefined) return { complete: true, bytes: size ?? within.size }
    return { complete: false, bytes: await store.partialBytes(cid) }
  }

  /** Those connected, those that are likely to have it, and those that had to do with it. */
  async #providers(
    { hints, root }: Settled,
    cid: CID,
    { transfer, failed }: Pick<WhyReference, 'transfer' | 'failed'>,
    signal: AbortSignal
  ): Promise<WhyProvider[]> {
    const { swarm, self } = this.#parts
    const before = [...(transfer?.providers ?? []), ...(failed?.providers ?? [])]
    const all = new Set([...hints, ...swarm.connected(), ...before.map(({ peerId }) => peerId)])
    all.delete(self)
    const asked = [...all].map(async (peer): Promise<WhyProvider> => {
      const link = linkTo(peer, this.#parts)
      const now = transfer?.providers.find(({ peerId }) => peerId === peer)
      const told = before.find(({ peerId, said }) => peerId === peer && said !== null)?.said ?? null
      const work = now === undefined ? null : { state: now.state, bytes: now.bytes, bytesPerSecond: now.bytesPerSecond }
      const held = link.connected ? await this.#held(peer, [cid, root], signal) : UNKNOWN
      return { ...link, ...held, said: held.said ?? told, transfer: work }
    })
    const order = ['all', 'part', 'unknown', 'nothing']
    return (await Promise.all(asked)).sort((a, b) => order.indexOf(a.holds) - order.indexOf(b.holds))
  }

  async #held(peer: string, roots: readonly CID[], signal: AbortSignal): Promise<typeof UNKNOWN> {
    const { peers, clock } = this.#parts
    try {
      const held = await withDeadline(clock, ASK_MS, `asking ${peer}`, signal, async until =>
        (await orAborted(peers.provider(peer), until)).held(roots, { signal: until })
      )
      const heldBytes = Math.max(...held.map(({ bytes }) => bytes))
      const holds = held.some(({ complete }) => complete) ? 'all' : heldBytes > 0 ? 'part' : 'nothing'
      return { holds, heldBytes, said: null }
    } catch (error) {
      signal.throwIfAborted()
      return { ...UNKNOWN, said: said(error, `asking ${peer}`) }
    }
  }
}

const UNKNOWN: Pick<WhyProvider, 'holds' | 'heldBytes' | 'said'> = { holds: 'unknown', heldBytes: null, said: null }

/** The transfer of this content; else one of what it lies in; else one of something in it. */
function runningFor(
  transfers: Iterable<ListedTransfer>,
  { record, root, beyond }: Settled,
  cid: CID
): { transfer: ListedTransfer; relation: Relation } | undefined {
  const name = record === null ? null : beyond === '' ? record.name : `${record.name}/${beyond}`
  const isWhole = cid.equals(root)
  const found: Partial<Record<Relation, ListedTransfer>> = {}
  for (const one of transfers) {
    const isBeside = name !== null && one.name !== null && one.within === root.toString()
    if (one.root === cid.toString()) found.same ??= one
    else if (one.root === root.toString() || (isBeside && name.startsWith(`${one.name}/`))) found.whole ??= one
    else if (one.within === root.toString() && (isWhole || (isBeside && one.name.startsWith(`${name}/`))))
      found.part ??= one
  }
  for (const relation of ['same', 'whole', 'part'] as const) {
    const transfer = found[relation]
    if (transfer !== undefined) return { transfer, relation }
  }
  return undefined
}

function said(error: unknown, doing: string): Said {
  const { code, message } = toPathmeshError(error, doing)
  return { code, message }
}
