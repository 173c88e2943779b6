// What the routes need of the daemon.

import type { Sharing } from '../sharing/sharing.ts'
import type { Invite, Peer, Status } from '../../proto/node-api.ts'

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

export interface AdminParts {
  readonly node: NodeFacts
  readonly leases: SessionLeases
  readonly sharing: Sharing
}
