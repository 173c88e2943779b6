// One sentence that says what would help, from what is known. The first rule that fits tells.

import type { WhyPeer, WhyProvider, WhyReference } from '../../proto/why-api.ts'

export function helpReference(why: Omit<WhyReference, 'help'>, self: string): string {
  const { ref, failure, here, transfer, providers, version, cid } = why
  const connected = providers.filter(provider => provider.connected)
  if (cid === null) return unresolved(failure?.code, connected.length)
  if (here.complete) {
    return version?.origin === self
      ? 'Nothing has to: this node shares it from where it lies. If it changed since, share it again.'
      : `Nothing has to: all of it is here; pathmesh get ${ref} copies it.`
  }
  if (transfer !== null && transfer.state !== 'waiting') return running(transfer)
  return missing(why, connected, self)
}

function unresolved(code: string | undefined, connected: number): string {
  if (connected === 0)
    return 'Connect this node to another one: pathmesh peers says whom it knows, and why it cannot reach them.'
  if (code === 'AMBIGUOUS_WORK') return 'Say whose it is: WORK@NODE/PATH.'
  if (code === 'VERSION_GONE') return 'Take the newer version, or a node that kept this one.'
  if (code === 'NOT_SYNCED') return 'Wait a moment: the nodes that are connected have not answered yet.'
  return 'See pathmesh ls for the names that there are, and pathmesh history for those that were retired; or publish it.'
}

function running({ etaSeconds, state }: NonNullable<WhyReference['transfer']>): string {
  if (state === 'materialising') return 'Nothing has to: all bytes came, and are being written to the disk.'
  return etaSeconds === null
    ? 'Nothing has to: it is on its way.'
    : `Nothing has to: it is on its way, ${Math.ceil(etaSeconds)} s more at this rate.`
}

function missing(
  { ref, transfer, failed, providers, version, failure }: Omit<WhyReference, 'help'>,
  connected: readonly WhyProvider[],
  self: string
): string {
  const allowed = connected.filter(({ bannedUntil }) => bannedUntil === null)
  // It may still believe to have what it found changed when it was asked for it.
  const holders = allowed.filter(
    ({ holds, said }) => (holds === 'all' || holds === 'part') && said?.code !== 'SOURCE_CHANGED'
  )
  const origin = providers.find(({ peerId }) => peerId === version?.origin)
  const code = failed?.error?.code
  if (code === 'NO_SPACE') return 'Make room on the disk of this node, and get it again: it goes on from where it was.'
  if (version?.origin === self && holders.length === 0)
    return 'It is shared by this node, and the file is gone from where it lay: share it again, or bring it back.'
  if (failure?.code === 'NOT_FOUND')
    return 'The share has no such path: see what it holds with pathmesh ls, or an earlier version.'
  if (connected.length === 0)
    return origin === undefined || origin.connected
      ? 'Connect this node to one that has it: pathmesh peers says whom it knows.'
      : `Start ${nameOf(origin)} again, or connect this node to another one that has it: pathmesh why ${nameOf(origin)} says why it is away.`
  const banned = connected.find(({ bannedUntil }) => bannedUntil !== null)
  if (holders.length === 0 && banned !== undefined)
    return `${nameOf(banned)} sent wrong bytes too often, and is left out for a while: check its disk and memory, then restart this daemon, or share it from another node.`
  const told = providers.find(({ said }) => said?.code === 'SOURCE_CHANGED')
  if (holders.length === 0 && (told !== undefined || code === 'SOURCE_CHANGED'))
    return `The file changed on ${nameOf(told ?? origin)} since it was shared: share it again there.`
  if (transfer !== null)
    return `It waits${transfer.why === null ? '' : `: ${transfer.why}`}. It goes on by itself once a node can send it${awayText(origin)}.`
  if (holders.length > 0) return `Get it: pathmesh get ${ref}${failed === null ? '' : ' goes on from where it was'}.`
  if (origin !== undefined && !origin.connected)
    return `Start ${nameOf(origin)} again, or reach it: it published this, and nobody who is connected has it.`
  if (allowed.some(({ holds }) => holds === 'unknown'))
    return 'Try again in a moment: not every node that is connected has answered.'
  return version !== null && version.newest !== null && version.newest > version.seq
    ? `Take the newest version, ${version.newest}: this one was replaced, and nobody who is connected has it.`
    : `Nobody who is connected has it: share it again on ${nameOf(origin)}, or start a node that fetched it.`
}

const nameOf = (provider: WhyProvider | undefined): string =>
  provider === undefined ? 'the node that has it' : (provider.name ?? provider.peerId)

const awayText = (origin: WhyProvider | undefined): string =>
  origin === undefined || origin.connected ? '' : `, such as ${nameOf(origin)}, which published it and is away`

export function helpPeer({
  connected,
  addresses,
  lastError,
  bannedUntil,
  via,
  whyStream
}: Omit<WhyPeer, 'help'>): string {
  if (bannedUntil !== null)
    return 'It sent wrong bytes too often, and is asked for nothing until its time is over, or this daemon is restarted: check its disk and memory.'
  if (!connected && addresses.length === 0)
    return 'No address of it is known: start it, or connect it to a node that this one knows.'
  if (!connected)
    return `Start it, or make its addresses reachable${lastError === null ? '' : `: ${lastError}`}. It is dialled again by itself.`
  if (via === 'stream' && whyStream !== null)
    return 'Nothing has to, but bulk bytes would be faster over a lane: let one of the two reach the lane port of the other (pathmesh up --lane-port).'
  return 'Nothing has to: it is connected.'
}
