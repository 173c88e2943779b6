// One sentence that says what would help, from what is known. Rules in a row: the first that has something to say tells.

import { PING_MS } from '../../proto/limits.ts'
import type { WhyPeer, WhyProvider, WhyReference } from '../../proto/why-api.ts'

/** How the transfer that runs has to do with what is asked for: it is of that, of what that lies in, or of something in it. */
export type Relation = 'same' | 'whole' | 'part'

type Known = Omit<WhyReference, 'help'>

interface Facts extends Known {
  readonly self: string
  readonly relation: Relation
  readonly connected: readonly WhyProvider[]
  /** Connected, and asked. */
  readonly allowed: readonly WhyProvider[]
  /** Those of them that have it, as far as is known. */
  readonly holders: readonly WhyProvider[]
  readonly origin: WhyProvider | undefined
  /** Whoever found its file changed. */
  readonly changed: WhyProvider | undefined
}

type Rule<F> = (facts: F) => string | undefined

const REFERENCE: readonly Rule<Facts>[] = [
  unresolved,
  hereAlready,
  onItsWay,
  ({ failed }) =>
    failed?.error?.code === 'NO_SPACE'
      ? 'Make room on the disk of this node, and get it again: it goes on from where it was.'
      : undefined,
  ({ version, self, holders }) =>
    version?.origin === self && holders.length === 0
      ? 'It is shared by this node, and the file is gone from where it lay: share it again, or bring it back.'
      : undefined,
  ({ failure }) =>
    failure?.code === 'NOT_FOUND'
      ? 'The share has no such path: see what it holds with pathmesh ls, or an earlier version.'
      : undefined,
  alone,
  ({ holders, changed, origin, failed }) =>
    holders.length === 0 && (changed !== undefined || failed?.error?.code === 'SOURCE_CHANGED')
      ? `The file changed on ${nameOf(changed ?? origin)} since it was shared: share it again there.`
      : undefined,
  facts => {
    const banned = facts.connected.find(one => one.bannedUntil !== null && hasHad(one, facts))
    return facts.holders.length === 0 && banned !== undefined
      ? `${nameOf(banned)} sent wrong bytes too often, and is left out for a while: check its disk and memory, then restart this daemon, or share it from another node.`
      : undefined
  },
  waiting,
  ({ holders }) => {
    const [liar] = holders
    return liar !== undefined && holders.every(({ said }) => said?.code === 'CORRUPT')
      ? `${nameOf(liar)} sent wrong bytes: check its disk and memory, share it again there, or start another node that has it.`
      : undefined
  },
  getIt,
  ({ origin }) =>
    origin !== undefined && !origin.connected
      ? `Start ${nameOf(origin)} again, or reach it: it published this, and nobody who is connected has it.`
      : undefined,
  ({ allowed }) =>
    allowed.some(({ holds }) => holds === 'unknown')
      ? 'Try again in a moment: not every node that is connected has answered.'
      : undefined,
  ({ version }) =>
    version !== null && version.newest !== null && version.newest > version.seq
      ? `Take the newest version, ${version.newest}: this one was replaced, and nobody who is connected has it.`
      : undefined,
  ({ origin }) =>
    `Nobody who is connected has it: share it again on ${nameOf(origin)}, or start a node that fetched it.`
]

export function helpReference(why: Known, self: string, relation: Relation = 'same'): string {
  const connected = why.providers.filter(provider => provider.connected)
  const allowed = connected.filter(({ bannedUntil }) => bannedUntil === null)
  // It may still believe to have what it found changed when it was asked for it.
  const holders = allowed.filter(
    ({ holds, said }) => (holds === 'all' || holds === 'part') && said?.code !== 'SOURCE_CHANGED'
  )
  const origin = why.providers.find(({ peerId }) => peerId === why.version?.origin)
  const changed = why.providers.find(({ said }) => said?.code === 'SOURCE_CHANGED')
  return firstOf(REFERENCE, { ...why, self, relation, connected, allowed, holders, origin, changed })
}

function unresolved({ cid, failure, connected }: Facts): string | undefined {
  if (cid !== null) return undefined
  if (connected.length === 0)
    return 'Connect this node to another one: pathmesh peers says whom it knows, and why it cannot reach them.'
  if (failure?.code === 'AMBIGUOUS_WORK') return 'Say whose it is: WORK@NODE/PATH.'
  if (failure?.code === 'VERSION_GONE') return 'Take the newer version, or a node that kept this one.'
  if (failure?.code === 'NOT_SYNCED') return 'Wait a moment: the nodes that are connected have not answered yet.'
  return 'See pathmesh ls for the names that there are, and pathmesh history for those that were retired; or publish it.'
}

function hereAlready({ here, version, self, ref }: Facts): string | undefined {
  if (!here.complete) return undefined
  return version?.origin === self
    ? 'Nothing has to: this node shares it from where it lies. If it changed since, share it again.'
    : `Nothing has to: all of it is here; pathmesh get ${ref} copies it.`
}

function onItsWay({ transfer, relation, ref }: Facts): string | undefined {
  if (transfer === null || transfer.state === 'waiting') return undefined
  const { state, etaSeconds } = transfer
  const of = transfer.name ?? transfer.root
  if (relation === 'part') return `A part of it, ${of}, is being fetched; for all of it: pathmesh get ${ref}.`
  const what = relation === 'same' ? 'it is' : `it is part of ${of}, which is`
  if (state === 'materialising') return `Nothing has to: all bytes came; ${what} being written to the disk.`
  const doing = relation === 'same' ? 'on its way' : 'being fetched'
  const left = etaSeconds === null ? '' : `, ${Math.ceil(etaSeconds)} s more at this rate`
  return `Nothing has to: ${what} ${doing}${left}.`
}

function alone({ connected, origin }: Facts): string | undefined {
  if (connected.length > 0) return undefined
  return origin === undefined || origin.connected
    ? 'Connect this node to one that has it: pathmesh peers says whom it knows.'
    : `Start ${nameOf(origin)} again, or connect this node to another one that has it: pathmesh why ${nameOf(origin)} says why it is away.`
}

function waiting({ transfer, relation, origin, holders }: Facts): string | undefined {
  if (transfer === null || relation === 'part') return undefined
  const what = relation === 'same' ? 'It' : `It is part of ${transfer.name ?? transfer.root}, which`
  const once = holders.length > 0 ? '' : ` once a node can send it${awayText(origin)}`
  return `${what} waits${transfer.why === null ? '' : `: ${transfer.why}`}. It goes on by itself${once}.`
}

function getIt({ holders, failed, here, ref }: Facts): string | undefined {
  if (holders.length === 0) return undefined
  return `Get it: pathmesh get ${ref}${failed !== null && here.bytes > 0 ? ' goes on from where it was' : ''}.`
}

/** Whether it was ever seen to have to do with this content; one who is banned is not asked. */
function hasHad({ peerId, holds, transfer, said }: WhyProvider, { version, failed }: Facts): boolean {
  if (holds === 'all' || holds === 'part' || peerId === version?.origin) return true
  if ((transfer?.bytes ?? 0) > 0 || said?.code === 'CORRUPT') return true
  const before = failed?.providers.find(one => one.peerId === peerId)
  return before !== undefined && (before.bytes > 0 || before.said?.code === 'CORRUPT')
}

const nameOf = (provider: WhyProvider | undefined): string =>
  provider === undefined ? 'the node that has it' : (provider.name ?? provider.peerId)

const awayText = (origin: WhyProvider | undefined): string =>
  origin === undefined || origin.connected ? '' : `, such as ${nameOf(origin)}, which published it and is away`

// --- of a peer -----------------------------------------------------------------------------------------------------

interface PeerFacts extends Omit<WhyPeer, 'help'> {
  readonly now: number
  /** Whether one of the two wants no lanes. */
  readonly lanesOff: boolean
}

const PEER: readonly Rule<PeerFacts>[] = [
  ({ bannedUntil }) =>
    bannedUntil === null
      ? undefined
      : 'It sent wrong bytes too often, and is asked for nothing until its time is over, or this daemon is restarted: check its disk and memory.',
  ({ connected, addresses }) =>
    connected || addresses.length > 0
      ? undefined
      : 'No address of it is known: start it, or connect it to a node that this one knows.',
  ({ connected, lastError }) =>
    connected
      ? undefined
      : `Start it, or make its addresses reachable${lastError === null ? '' : `: ${lastError}`}. It is dialled again by itself.`,
  failing,
  ({ strikes }) =>
    strikes === 0
      ? undefined
      : `It is connected, but sent wrong bytes ${strikes === 1 ? 'once' : `${strikes} times`} within the last hour: check its disk and memory.`,
  ({ lastSeen, now }) => {
    const silentMs = lastSeen === null ? 0 : now - lastSeen
    return silentMs > 2 * PING_MS
      ? `It is connected, but nothing was heard of it for ${Math.round(silentMs / 1000)} s: see whether its machine is asleep, frozen or cut off.`
      : undefined
  },
  ({ via, whyStream, lanesOff }) => {
    if (via !== 'stream' || whyStream === null) return undefined
    return lanesOff
      ? `Nothing has to: it is connected, and bulk bytes go over the stream: ${whyStream}. They would be faster over a lane.`
      : 'Nothing has to, but bulk bytes would be faster over a lane: let one of the two reach the lane port of the other (pathmesh up --lane-port).'
  },
  () => 'Nothing has to: it is connected.'
]

export function helpPeer(why: Omit<WhyPeer, 'help'>, { now, lanesOff }: Pick<PeerFacts, 'now' | 'lanesOff'>): string {
  return firstOf(PEER, { ...why, now, lanesOff })
}

/** What it said last of a transfer that runs; of several, the worst: to have nothing of one is no fault. */
function failing({ receiving }: PeerFacts): string | undefined {
  const bad = receiving.transfers.filter(({ state, said }) => said !== null || state === 'resting' || state === 'left')
  const isLacking = ({ said }: (typeof bad)[number]): boolean =>
    said?.code === 'NO_PROVIDERS' || said?.code === 'NOT_FOUND'
  const one = bad.find(each => !isLacking(each)) ?? bad[0]
  if (one === undefined) return undefined
  const what = one.name ?? one.root
  const told = one.said === null ? '' : `: ${one.said.message}`
  if (isLacking(one)) return `It is connected, and cannot send ${what}${told}. pathmesh why ${what} says who can.`
  const after = one.state === 'left' ? 'it is not asked again for that' : 'it is asked again by itself'
  return `It is connected, but fails to send ${what}${told}; ${after}. If it stays so, see whether its machine is asleep, frozen or overloaded, and its disk whole.`
}

function firstOf<F>(rules: readonly Rule<F>[], facts: F): string {
  for (const rule of rules) {
    const told = rule(facts)
    if (told !== undefined) return told
  }
  throw new TypeError('the last rule always tells')
}
