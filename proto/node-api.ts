// The local API, of the node itself: what it says of its state, its peers and its transfers. Schemas as in api.ts, and of the same rules.

import { z } from '@hono/zod-openapi'
import { cid, peerId, size, time, Via } from './api.ts'
import { RATE_LIMIT_MAX, RATE_LIMIT_MIN } from './limits.ts'

// --- transfers -----------------------------------------------------------------------------------------------------

export const Said = z.object({ code: z.string(), message: z.string() })

export const TransferProvider = z.object({
  peerId,
  name: z.string().nullable(),
  bytes: size.describe('verified bytes of content that it sent'),
  bytesPerSecond: size,
  via: Via,
  state: z
    .enum(['sending', 'idle', 'resting', 'left'])
    .describe('resting: it failed, and is asked again later; left: it is not asked again'),
  said: Said.nullable().describe('what it said last, where it failed')
})

const transferFields = {
  root: cid,
  name: z.string().nullable(),
  state: z.enum(['resolving', 'structure', 'transferring', 'waiting', 'materialising', 'done', 'failed']),
  why: z.string().nullable().describe('what it waits for'),
  bytesDone: size.describe('verified and written, in earlier attempts too'),
  bytesTotal: size.nullable(),
  filesDone: size,
  filesTotal: size.nullable(),
  bytesPerSecond: size,
  etaSeconds: z.number().nonnegative().nullable().describe('until all bytes are here; null where that cannot be told'),
  bytesFetched: size.describe('bytes that came since it was asked for'),
  providers: z.array(TransferProvider)
}

/** What this node is fetching. */
export const Transfer = z.object(transferFields)

/** What it was fetching: how far it came, and what ended it. */
export const EndedTransfer = z.object({
  ...transferFields,
  at: time.describe('when it ended'),
  error: Said.nullable().describe('null where all of it came')
})

/** A line of `transfers`. */
export const TransferEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('transfer'), ...transferFields }),
  z.object({ event: z.literal('gone'), ...EndedTransfer.shape })
])

export const TransfersQuery = z.object({
  follow: z.enum(['0', '1']).optional().describe('1: go on with a line whenever something changed')
})

// --- limits --------------------------------------------------------------------------------------------------------

const rate = z
  .int()
  .nonnegative()
  .max(RATE_LIMIT_MAX)
  .refine(
    perSecond => perSecond === 0 || perSecond >= RATE_LIMIT_MIN,
    `it is 0, for no limit, or at least ${RATE_LIMIT_MIN}`
  )
  .describe('bytes a second; 0: no limit')

export const Limits = z.object({ upload: rate, download: rate })

/** What is left out, or null, stays as it is. */
export const LimitsChange = z.strictObject({ upload: rate.nullable().optional(), download: rate.nullable().optional() })

// --- the node ------------------------------------------------------------------------------------------------------

export const Status = z.object({
  peerId,
  name: z.string(),
  meshId: z.string(),
  addresses: z.array(z.string()),
  version: z.string(),
  uptimeSeconds: z.number().nonnegative(),
  synced: z.boolean().describe('whether this node has caught up with a peer since it started, or knows of none'),
  peers: size,
  names: size,
  storage: z.object({
    roots: size,
    inPlaceBytes: size,
    storedBytes: size,
    partialBytes: size,
    freeBytes: size
  }),
  transfers: z.array(Transfer)
})

export const Invite = z.object({ invite: z.string(), expires: time.nullable() })

export const Peer = z.object({
  peerId,
  name: z.string().nullable(),
  addresses: z.array(z.string()),
  connected: z.boolean(),
  lane: Via.nullable().describe('how bulk bytes travel; null before any did, and while it is away'),
  latencyMs: z.number().nonnegative().nullable(),
  bytesIn: size,
  bytesOut: size
})

export type Said = z.infer<typeof Said>
export type TransferProvider = z.infer<typeof TransferProvider>
export type Transfer = z.infer<typeof Transfer>
export type EndedTransfer = z.infer<typeof EndedTransfer>
export type TransferEvent = z.infer<typeof TransferEvent>
export type TransfersQuery = z.infer<typeof TransfersQuery>
export type Limits = z.infer<typeof Limits>
export type LimitsChange = z.infer<typeof LimitsChange>
export type Status = z.infer<typeof Status>
export type Invite = z.infer<typeof Invite>
export type Peer = z.infer<typeof Peer>
