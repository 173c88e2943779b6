// `pathmesh why`: why something does not come, or what is known of a node, and what would help.

import type { Command } from 'commander'
import type { WhyPeer, WhyProvider, WhyReference } from '../../proto/why-api.ts'
import { addCommand, refText, type Enter } from './context.ts'
import { factList, table } from './table.ts'
import { doneText, endText, transferName, transferText } from './transfer-text.ts'
import { formatBytes, formatTime } from './units.ts'

interface Flags {
  readonly version?: string
}

const HEAD = ['NODE', 'STATE', 'HAS', 'VIA', 'SENT', 'RATE', 'SAID']

export function addWhy(program: Command, enter: Enter): void {
  addCommand(
    program,
    'why <ref-or-peer>',
    'Says why something does not come: what a reference means here, how much of it is here, what a transfer waits for, which nodes were asked and what they said, how the last one failed, and what would help. Of a node (its name or PeerId, no slash): whether it is connected, how bytes travel, and what it did wrong. Fetches no content.',
    [
      'pathmesh why train/model.bin',
      'pathmesh why train/model.bin --version 3',
      'pathmesh why gpu-1',
      'pathmesh why train/model.bin --json | jq -r .help'
    ]
  )
    .option('--version <version>', 'a version: its number, or the CID of its root')
    .action(async (text: string, { version }: Flags, command: Command) => {
      const isNode = !text.includes('/')
      if (isNode && version !== undefined) command.error('error: --version goes with a reference, WORK/PATH')
      const context = enter(command)
      const like = isNode ? text : refText(text, version)
      await context.withMesh(async (mesh, signal) => {
        const why = await mesh.why(like, { signal })
        if (context.output.json) await context.output.value(why)
        else await context.output.data(why.about === 'peer' ? peerText(why) : referenceText(why))
      })
    })
}

function referenceText(why: WhyReference): string {
  const { failure, version, cid, root, size, here, transfer, failed, providers } = why
  const facts: [string, string][] = [['reference', why.ref]]
  if (failure !== null) facts.push([cid === null ? 'means' : 'inside', `${failure.message} [${failure.code}]`])
  if (version !== null) {
    const newer = version.newest !== null && version.newest > version.seq ? `; the newest is ${version.newest}` : ''
    const origin = version.originName ?? version.origin
    facts.push([
      'version',
      `${version.seq} of ${version.name}, published by ${origin} at ${formatTime(version.published)}${newer}`
    ])
  }
  if (cid !== null) facts.push(['content', cid])
  if (root !== cid && root !== null) facts.push(['inside', root])
  if (cid !== null)
    facts.push(['here', isInside(why) ? 'as far as the transfer of what it lies in has come' : hereText(here, size)])
  if (transfer !== null) {
    const of = transfer.root === cid ? '' : `of ${transferName(transfer)}: `
    facts.push(['transfer', `${of}${transferText(transfer)}`])
  }
  if (transfer === null && cid !== null && !here.complete) facts.push(['transfer', 'none runs'])
  if (failed !== null) facts.push(['last attempt', `${formatTime(failed.at)}: ${endText(failed)}`])
  const shown = providers.filter(isTelling)
  const others = providers.length - shown.length
  if (providers.length === 0) facts.push(['nodes', 'no other node is connected'])
  else if (others > 0)
    facts.push([
      'nodes',
      `${others} connected, ${cid === null ? 'not asked' : others === 1 ? 'holds nothing of it' : 'hold nothing of it'}`
    ])
  facts.push(['what helps', why.help])
  const rows = shown.map(rowOf)
  return `${factList(facts)}${rows.length === 0 ? '' : `\n${table(HEAD, rows, ['SENT', 'RATE'])}`}`
}

/** Whether it is fetched as a part of something else, of which nobody counts the bytes of each part. */
function isInside({ cid, root, here, transfer }: WhyReference): boolean {
  return transfer !== null && transfer.root !== cid && cid !== root && !here.complete && here.bytes === 0
}

function hereText({ complete, bytes }: WhyReference['here'], size: number | null): string {
  if (complete) return `all of it, ${formatBytes(bytes)}`
  if (bytes === 0) return 'no'
  return `${doneText({ bytesDone: bytes, bytesTotal: size })}, verified`
}

/** Whether there is more to say of it than that it is there. */
function isTelling({ connected, holds, said, transfer, bannedUntil }: WhyProvider): boolean {
  return !connected || holds === 'all' || holds === 'part' || said !== null || transfer !== null || bannedUntil !== null
}

function rowOf({ name, peerId, connected, holds, heldBytes, via, said, transfer, bannedUntil }: WhyProvider): string[] {
  const state = connected ? (transfer?.state ?? 'connected') : 'away'
  const part = heldBytes === null ? 'a part' : formatBytes(heldBytes)
  const words = [
    ...(bannedUntil === null ? [] : [`left out until ${formatTime(bannedUntil)}: it sent wrong bytes`]),
    ...(said === null ? [] : [`${said.message} [${said.code}]`])
  ]
  return [
    name ?? peerId,
    state,
    holds === 'part' ? part : holds,
    via ?? '-',
    transfer === null ? '-' : formatBytes(transfer.bytes),
    transfer === null ? '-' : `${formatBytes(transfer.bytesPerSecond)}/s`,
    words.join('; ') || '-'
  ]
}

function peerText(why: WhyPeer): string {
  const { connected, via, whyStream, sending, receiving, strikes, lastStrike, bannedUntil, lastError, nextDialAt } = why
  const facts: [string, string][] = [
    ['node', why.name === null ? why.peerId : `${why.name} (${why.peerId})`],
    [
      'state',
      connected ? 'connected' : `away${why.lastSeen === null ? '' : `, last seen ${formatTime(why.lastSeen)}`}`
    ],
    ['addresses', why.addresses.join(' ') || 'none known']
  ]
  if (!connected && lastError !== null) facts.push(['last dial', lastError])
  if (!connected && nextDialAt !== null) facts.push(['next dial', formatTime(nextDialAt)])
  if (via !== null)
    facts.push([
      'bytes go over',
      `${via === 'lane' ? 'a lane' : 'the stream'}${whyStream === null ? '' : `; no lane: ${whyStream}`}`
    ])
  if (why.latencyMs !== null) facts.push(['latency', `${why.latencyMs.toFixed(1)} ms`])
  const struck = lastStrike === null ? '' : `; the last: ${lastStrike}`
  facts.push(['wrong bytes', strikes === 0 ? 'none' : `${strikes} times within the last hour${struck}`])
  if (bannedUntil !== null) facts.push(['left out until', formatTime(bannedUntil)])
  facts.push(['sent to it', trafficText(sending)], ['came from it', trafficText(receiving)])
  for (const one of receiving.transfers) {
    const said = one.said === null ? '' : `; it said: ${one.said.message} [${one.said.code}]`
    const what = `${one.name ?? one.root}: ${one.state}, ${formatBytes(one.bytes)} over a ${one.via}, ${formatBytes(one.bytesPerSecond)}/s`
    facts.push(['receiving', `${what}${said}`])
  }
  facts.push(['what helps', why.help])
  return factList(facts)
}

function trafficText({ bytes, bytesPerSecond }: WhyPeer['sending']): string {
  return `${formatBytes(bytes)}${bytesPerSecond === 0 ? '' : `, ${formatBytes(bytesPerSecond)}/s now`}`
}
