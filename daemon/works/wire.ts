// What nodes say to each other about works: JSON of the schemas of the local API, as it is sent and as it is read. Refuses what is of
// another form.

import { z } from '@hono/zod-openapi'
import { peerId, size } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { API_BODY_BYTES_MAX, FRAME_HEADER_BYTES_MAX, PEERS_MAX } from '../../proto/limits.ts'
import { CallEvents, CallEventsQuery, CallRequest, CancelRequest } from '../../proto/works-api.ts'
import { type Bytes, bytesOf } from '../frames.ts'

/** A request travels in the header of a frame, beside the name of its method. */
export const INLINE_BYTES = FRAME_HEADER_BYTES_MAX - 1024

export const EventsAsked = CallEventsQuery.pick({ id: true, after: true })
export const CancelAsked = CancelRequest.pick({ id: true })
/** How far the node that speaks knows others: whoever listens catches up before it goes on, so that what one has seen, both have. */
const Reach = z
  .record(peerId, size)
  .refine(reach => Object.keys(reach).length <= PEERS_MAX + 1, 'it speaks of more nodes than there are')
export const Start = CallRequest.extend({ reach: Reach.optional() })
export const Events = CallEvents.extend({ reach: Reach.optional() })
/** A call whose request is too large for a header: whoever is asked to begin it asks back for it. */
export const LargeStart = z.strictObject({
  id: CallRequest.shape.id,
  bytes: z.int().positive().max(API_BODY_BYTES_MAX)
})
export const StartAsked = z.union([LargeStart, Start])
export const RequestAsked = z.object({ id: CallRequest.shape.id })

export const encode = (value: unknown): Bytes => bytesOf(Buffer.from(JSON.stringify(value)))

/** What a peer sent, in the form that the schema says. CORRUPT. */
export function decode<T>(schema: z.ZodType<T>, bytes: Uint8Array, peer: string): T {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
    const result = schema.safeParse(value)
    if (result.success) return result.data
    throw result.error
  } catch (cause) {
    throw new PathmeshError('CORRUPT', `${peer} sent a message about works that cannot be read`, { cause })
  }
}
