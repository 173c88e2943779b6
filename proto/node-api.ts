// The local API, of the node itself: what it says of its state and its peers. Schemas as in api.ts, and of the same rules.

import { z } from '@hono/zod-openapi'
import { cid, peerId, size, time } from './api.ts'

export const Transfer = z.object({
  root: cid,
  name: z.string().nullable(),
  state: z.enum(['resolving', 'structure', 'transferring', 'waiting', 'materialising', 'done', 'failed']),
  why: z.string().nullable().describe('what it waits for'),
  bytesDone: size,
  bytesTotal: size.nullable(),
  filesDone: size,
  filesTotal: size.nullable(),
  bytesPerSecond: size,
  providers: z.array(z.object({ peerId, bytes: size }))
})

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
  lane: z.enum(['stream']).nullable().describe('how bulk bytes travel, once some did'),
  latencyMs: z.number().nonnegative().nullable(),
  bytesIn: size,
  bytesOut: size
})

export type Status = z.infer<typeof Status>
export type Transfer = z.infer<typeof Transfer>
export type Invite = z.infer<typeof Invite>
export type Peer = z.infer<typeof Peer>
