// The status of a session, for tests of what is told of it.

import type { SessionStatus } from '../../daemon/exchange/session-types.ts'

export function sessionStatus(status: Partial<SessionStatus> = {}): SessionStatus {
  return {
    state: 'transferring',
    why: null,
    bytesDone: 0,
    bytesTotal: 0,
    filesDone: 0,
    filesTotal: 0,
    bytesPerSecond: 0,
    etaSeconds: null,
    bytesFetched: 0,
    providers: [],
    ...status
  }
}
