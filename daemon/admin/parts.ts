// What the routes need of the daemon.

import type { RateLimits } from '../exchange/rate-limit.ts'
import type { Sharing } from '../sharing/sharing.ts'
import type { Invite, Peer, Status } from '../../proto/node-api.ts'
import type {
  CallEvents,
  CallEventsQuery,
  CallRequest,
  Called,
  CancelRequest,
  HostLine,
  HostRequest,
  ReportRequest,
  WorkLine
} from '../../proto/works-api.ts'
import type { Why, WhyQuery } from '../../proto/why-api.ts'
import type { FollowParts } from './follow-transfers.ts'

export interface NodeFacts {
  status(): Promise<Status>
  peers(): Peer[]
  invite(): Invite
  /** Begins to stop the daemon; returns at once. */
  shutdown(): void
}

export interface SessionLeases {
  openSession(): string
  closeSession(session: string): void
  release(lease: string): void
}

/** Works of the mesh, and their calls. */
export interface WorkCalls {
  list(signal: AbortSignal): AsyncIterable<WorkLine>
  /** Hosts a work for as long as its lines are read. */
  host(request: HostRequest, signal: AbortSignal): AsyncIterable<HostLine>
  report(request: ReportRequest): Promise<void>
  call(request: CallRequest, signal: AbortSignal): Promise<Called>
  events(query: CallEventsQuery, signal: AbortSignal): Promise<CallEvents>
  cancel(request: CancelRequest, signal: AbortSignal): Promise<void>
}

export interface Explanations {
  /** What is known of a reference or a peer. NOT_FOUND for a node that nobody knows; what fails for a reference is in the answer. */
  about(query: WhyQuery, signal: AbortSignal): Promise<Why>
}

export interface AdminParts {
  readonly node: NodeFacts
  readonly transfers: FollowParts
  readonly limits: RateLimits
  readonly why: Explanations
  readonly leases: SessionLeases
  readonly sharing: Sharing
  readonly works: WorkCalls
}
