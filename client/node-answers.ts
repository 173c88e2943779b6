// The form of what a daemon says of its node: status, peers, transfers, limits, and why something does not come. As answers.ts.

import type * as NodeApi from '../proto/node-api.ts'
import type * as WhyApi from '../proto/why-api.ts'
import { byEvent, flag, list, literal, nullable, number, object, text, type Read } from './shape.ts'

const via = literal('lane', 'stream')
const said: Read<NodeApi.Said> = object({ code: text, message: text })

const share = {
  bytes: number,
  bytesPerSecond: number,
  via,
  state: literal('sending', 'idle', 'resting', 'left'),
  said: nullable(said)
}

const transferFields = {
  root: text,
  name: nullable(text),
  state: literal('resolving', 'structure', 'transferring', 'waiting', 'materialising', 'done', 'failed'),
  why: nullable(text),
  bytesDone: number,
  bytesTotal: nullable(number),
  filesDone: number,
  filesTotal: nullable(number),
  bytesPerSecond: number,
  etaSeconds: nullable(number),
  bytesFetched: number,
  providers: list(object({ peerId: text, name: nullable(text), ...share }))
}
const endedFields = { ...transferFields, at: number, error: nullable(said) }

const transfer: Read<NodeApi.Transfer> = object(transferFields)

export const transferEvent: Read<NodeApi.TransferEvent> = byEvent<NodeApi.TransferEvent>({
  transfer: object({ event: literal('transfer'), ...transferFields }),
  gone: object({ event: literal('gone'), ...endedFields })
})

export const limits: Read<NodeApi.Limits> = object({ upload: number, download: number })

export const status: Read<NodeApi.Status> = object({
  peerId: text,
  name: text,
  meshId: text,
  addresses: list(text),
  version: text,
  uptimeSeconds: number,
  synced: flag,
  peers: number,
  names: number,
  storage: object({
    roots: number,
    inPlaceBytes: number,
    storedBytes: number,
    partialBytes: number,
    freeBytes: number
  }),
  transfers: list(transfer)
})

export const invite: Read<NodeApi.Invite> = object({ invite: text, expires: nullable(number) })

export const peer: Read<NodeApi.Peer> = object({
  peerId: text,
  name: nullable(text),
  addresses: list(text),
  connected: flag,
  lane: nullable(via),
  latencyMs: nullable(number),
  bytesIn: number,
  bytesOut: number
})

const link = {
  peerId: text,
  name: nullable(text),
  connected: flag,
  via: nullable(via),
  whyStream: nullable(text),
  bannedUntil: nullable(number)
}

const whyProvider: Read<WhyApi.WhyProvider> = object({
  ...link,
  holds: literal('all', 'part', 'nothing', 'unknown'),
  heldBytes: nullable(number),
  said: nullable(said),
  transfer: nullable(object({ state: share.state, bytes: number, bytesPerSecond: number }))
})

const whyReference: Read<WhyApi.WhyReference> = object({
  about: literal('reference'),
  ref: text,
  failure: nullable(said),
  version: nullable(
    object({
      name: text,
      origin: text,
      originName: nullable(text),
      seq: number,
      newest: nullable(number),
      published: number
    })
  ),
  cid: nullable(text),
  root: nullable(text),
  kind: nullable(literal('file', 'directory', 'symlink')),
  size: nullable(number),
  here: object({ complete: flag, bytes: number }),
  transfer: nullable(transfer),
  failed: nullable(object(endedFields)),
  providers: list(whyProvider),
  help: text
})

const whyPeer: Read<WhyApi.WhyPeer> = object({
  about: literal('peer'),
  ...link,
  addresses: list(text),
  latencyMs: nullable(number),
  lastSeen: nullable(number),
  lastError: nullable(text),
  nextDialAt: nullable(number),
  strikes: number,
  lastStrike: nullable(text),
  sending: object({ bytes: number, bytesPerSecond: number }),
  receiving: object({
    bytes: number,
    bytesPerSecond: number,
    transfers: list(object({ root: text, name: nullable(text), ...share }))
  }),
  help: text
})

const about = object({ about: literal('reference', 'peer') })

export const why: Read<WhyApi.Why> = (value, where) =>
  about(value, where).about === 'peer' ? whyPeer(value, where) : whyReference(value, where)
