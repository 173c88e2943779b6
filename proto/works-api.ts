// Works as the local API and the nodes among each other speak of them: hosting one, calling one, and what becomes of a call. Both
// speak the same JSON. A call has an id, chosen by its caller; everything about it can be asked for again by that id.

import { z } from '@hono/zod-openapi'
import { peerId, ProblemBody, Progress, size, time } from './api.ts'
import { CALL_LOG_LINES_MAX, LOG_LINE_CHARS_MAX, REF_BYTES_MAX, VALUE_DEPTH_MAX } from './limits.ts'

const work = z.string().min(1).max(REF_BYTES_MAX).describe('the name of a work')
const node = z.string().min(1).max(128).describe('PeerId or name of a node; by default this one')
const callId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,64}$/)
  .describe('chosen by the caller; twice the same is one call')
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('SHA-256 of the module that defines the Work')
// Any JSON: described and checked by hand, since the schema of all JSON contains itself.
const json = z
  .custom<z.core.util.JSONType>(
    value => isJson(value, VALUE_DEPTH_MAX),
    `not JSON, or nested more than ${VALUE_DEPTH_MAX} deep`
  )
  .openapi({ type: ['null', 'boolean', 'number', 'string', 'array', 'object'], description: 'any JSON' })
const state = z.record(z.string(), json).openapi({
  type: 'object',
  additionalProperties: {},
  description: 'public attributes of the Work; Paths and Payloads as references'
})

export const Outcome = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), result: json.describe('null where the run returned nothing') }),
  z.object({ ok: z.literal(false), error: ProblemBody })
])

export const Phase = z.enum(['queued', 'starting', 'fetching', 'running', 'publishing', 'done'])

export const LogLine = z.object({
  stream: z.enum(['stdout', 'stderr']),
  text: z.string().max(LOG_LINE_CHARS_MAX)
})

/** Starts a call of a Work. A second one of the same id is the same call, and starts nothing. */
export const CallRequest = z.object({
  id: callId,
  work,
  node: node.optional(),
  args: z.array(json).max(64).describe('of run(); references in them are fixed by the caller'),
  state: state.optional().describe('attributes to set before the run'),
  hash: hash.optional().describe('INCOMPATIBLE where the host has another')
})
export const Called = z.object({
  node: peerId.describe('where it runs'),
  known: z.boolean().describe('whether it was called before under this id')
})

export const CallEventsQuery = z.object({
  id: callId,
  node: node.optional(),
  after: z
    .string()
    .regex(/^[0-9]{1,15}$/)
    .optional()
    .describe('`next` of the answer before')
})
/** What became of a call since `after`; waits a while where nothing did. */
export const CallEvents = z.object({
  next: size,
  phase: Phase,
  state: state.describe('attributes that changed'),
  logs: z.array(LogLine).max(CALL_LOG_LINES_MAX),
  missed: size.describe('lines that came too fast to be kept'),
  progress: Progress.nullable(),
  outcome: Outcome.nullable().describe('the end of it; kept for a day')
})

export const CancelRequest = z.object({ id: callId, node: node.optional() })

/** Hosts a work: this program runs its calls, for as long as the connection lasts. One program hosts a work at a time. */
export const HostRequest = z.object({
  work,
  hash,
  module: z.string().max(4096).describe('where it is defined, for people'),
  hosted: z.boolean().describe('whether other nodes may call it; otherwise programs on this node alone'),
  takeOver: z.boolean().optional().describe('claim it although another connected node is its home'),
  running: callId.optional().describe('the call that it runs at the moment, after a lost connection')
})
export const HostLine = z.discriminatedUnion('event', [
  z.object({ event: z.literal('hosting'), work, origin: peerId, folder: z.string() }),
  CallRequest.pick({ id: true, args: true, state: true }).extend({ event: z.literal('call') }),
  z.object({ event: z.literal('cancel'), id: callId })
])

/** What a host says of the call that it runs. With `outcome` it is over, and written down when the answer comes. */
export const ReportRequest = z.object({
  id: callId,
  phase: Phase.optional(),
  state: state.optional(),
  logs: z.array(LogLine).max(CALL_LOG_LINES_MAX).optional(),
  missed: size.optional(),
  progress: Progress.nullable().optional(),
  outcome: Outcome.optional()
})

/** What a hosted work does, as its node tells it. */
export const Hosting = z.object({
  work,
  module: z.string(),
  hosted: z.boolean(),
  phase: z.enum(['idle', ...Phase.options]),
  call: callId.nullable(),
  since: time.nullable().describe('when the call began'),
  queued: size
})

/** A work of the mesh, on one of the nodes that publish it, claimed it or host it. */
export const WorkLine = z.object({
  work: z.string(),
  origin: peerId,
  node: z.string().nullable().describe('the human name of the origin'),
  connected: z.boolean().describe('whether the origin can be reached now; true for this node'),
  home: z.boolean().describe('whether the work lives there: a bare name means this one'),
  epoch: size.describe('of its claim; 0 where it never claimed the work'),
  names: size,
  hosting: Hosting.omit({ work: true })
    .nullable()
    .describe('what it does; null where no program hosts it, or its node did not say')
})

export const WorkRequest = z.object({
  name: work,
  takeOver: z.boolean().optional().describe('claim it although another connected node is its home')
})
export const WorkFolder = z.object({ work: z.string(), origin: peerId, folder: z.string().startsWith('/').max(4096) })

export type Outcome = z.infer<typeof Outcome>
export type Phase = z.infer<typeof Phase>
export type LogLine = z.infer<typeof LogLine>
export type CallRequest = z.infer<typeof CallRequest>
export type Called = z.infer<typeof Called>
export type CallEventsQuery = z.infer<typeof CallEventsQuery>
export type CallEvents = z.infer<typeof CallEvents>
export type CancelRequest = z.infer<typeof CancelRequest>
export type HostRequest = z.infer<typeof HostRequest>
export type HostLine = z.infer<typeof HostLine>
export type ReportRequest = z.infer<typeof ReportRequest>
export type Hosting = z.infer<typeof Hosting>
export type WorkLine = z.infer<typeof WorkLine>
export type WorkRequest = z.infer<typeof WorkRequest>
export type WorkFolder = z.infer<typeof WorkFolder>

/** Whether a parsed value is JSON, so many arrays and objects deep at most. */
function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth === 0) return false
  return Object.values(value).every(inner => isJson(inner, depth - 1))
}
