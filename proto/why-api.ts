// The local API, of `why`: what is known of a reference or a peer when something does not come, and what would help. Schemas as in
// api.ts, and of the same rules.

import { z } from '@hono/zod-openapi'
import { cid, peerId, Kind, size, time, Via, version } from './api.ts'
import { REF_BYTES_MAX } from './limits.ts'
import { EndedTransfer, Said, Transfer, TransferProvider } from './node-api.ts'

export const WhyQuery = z.object({
  ref: z
    .string()
    .min(1)
    .max(REF_BYTES_MAX)
    .describe('a reference, with a slash in it; or a PeerId, or the name of a node'),
  version: version.optional()
})

const link = {
  peerId,
  name: z.string().nullable(),
  connected: z.boolean(),
  via: Via.nullable().describe('how its bytes travel; null while it is away'),
  whyStream: z.string().nullable().describe('why there is no lane to it'),
  bannedUntil: time.nullable().describe('until when it is asked for nothing, since it sent wrong bytes')
}

/** One who may have what is wanted: a node that is connected, or one that published it. */
export const WhyProvider = z.object({
  ...link,
  holds: z.enum(['all', 'part', 'nothing', 'unknown']),
  heldBytes: size.nullable(),
  said: Said.nullable().describe('what it said last, where that was a failure'),
  transfer: TransferProvider.pick({ state: true, bytes: true, bytesPerSecond: true })
    .nullable()
    .describe('what it does for the transfer that runs')
})

export const WhyReference = z.object({
  about: z.literal('reference'),
  ref: z.string().describe('its URL'),
  failure: Said.nullable().describe('why it means nothing here, or its part of a directory is not known'),
  version: z
    .object({
      name: z.string(),
      origin: peerId,
      originName: z.string().nullable(),
      seq: size,
      newest: size.nullable().describe('the number of the newest version of this name'),
      published: time
    })
    .nullable()
    .describe('null for content alone, and where it is not known'),
  cid: cid.nullable().describe('the content that is meant'),
  root: cid.nullable().describe('the share that it lies in, or `cid` itself'),
  kind: Kind.nullable(),
  size: size.nullable(),
  here: z.object({ complete: z.boolean(), bytes: size.describe('verified, of it or of the share that it lies in') }),
  transfer: Transfer.nullable().describe(
    'the one that runs: of `cid`, of what that lies in, or of a part of it, as its root and name say'
  ),
  failed: EndedTransfer.nullable().describe('the last one, where it failed, or was cancelled (ABORTED)'),
  providers: z.array(WhyProvider),
  help: z.string().describe('what would help, in a sentence')
})

export const WhyPeer = z.object({
  about: z.literal('peer'),
  ...link,
  addresses: z.array(z.string()),
  latencyMs: z.number().nonnegative().nullable(),
  lastSeen: time.nullable(),
  lastError: z.string().nullable().describe('why it could not be dialled last'),
  nextDialAt: time.nullable(),
  strikes: size.describe('wrong bytes that it sent within the last hour'),
  lastStrike: z.string().nullable(),
  sending: z
    .object({ bytes: size, bytesPerSecond: size })
    .describe('content that this node sends it: since the start, and now'),
  receiving: z
    .object({
      bytes: size,
      bytesPerSecond: size,
      transfers: z.array(
        TransferProvider.omit({ peerId: true, name: true }).extend({ root: cid, name: z.string().nullable() })
      )
    })
    .describe('content that it sends: since the start, now, and for which transfers'),
  help: z.string().describe('what would help, in a sentence')
})

export const Why = z.discriminatedUnion('about', [WhyReference, WhyPeer])

export type WhyQuery = z.infer<typeof WhyQuery>
export type WhyProvider = z.infer<typeof WhyProvider>
export type WhyReference = z.infer<typeof WhyReference>
export type WhyPeer = z.infer<typeof WhyPeer>
export type Why = z.infer<typeof Why>
