// Transfers as the local API tells of them: what runs, what has ended, and what each peer does for it.

import type { SessionStatus } from '../exchange/session-types.ts'
import type { EndedTransfer, Said, Transfer } from '../../proto/node-api.ts'

/** A transfer that runs. */
export interface ListedTransfer {
  readonly root: string
  /** The root of the share that it lies in, where that is another. */
  readonly within?: string | undefined
  readonly name: string | null
  readonly status: SessionStatus
}

/** One that has ended, and how. */
export interface ListedEnd extends ListedTransfer {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Null where all of it came. */
  readonly error: Said | null
}

/** The transfers of this node. */
export interface TransferList {
  readonly list: () => Iterable<ListedTransfer>
  /** The newest first. With a root, those of that root. */
  readonly ended: (root?: string) => readonly ListedEnd[]
}

/** What a node is called, where that is known. */
export type NameOf = (peerId: string) => string | undefined

export function transferFacts({ root, name, status }: ListedTransfer, nameOf: NameOf): Transfer {
  const { state, why, bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond, bytesFetched } = status
  const etaSeconds = secondsLeft(status)
  const progress = { bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond, etaSeconds, bytesFetched }
  const providers = status.providers.map(({ peerId, bytes, bytesPerSecond, via, state, said }) => ({
    peerId,
    name: nameOf(peerId) ?? null,
    bytes,
    bytesPerSecond,
    via,
    state,
    said: said === null ? null : { code: said.code, message: said.message }
  }))
  return { root, name, state, why, ...progress, providers }
}

/** Only of content on its way: the rate of structure, or of what waits, says nothing of the rest. */
export function secondsLeft({ state, etaSeconds }: SessionStatus): number | null {
  return state === 'transferring' ? etaSeconds : null
}

export function endedFacts(ended: ListedEnd, nameOf: NameOf): EndedTransfer {
  const { at, error } = ended
  const told = error === null ? null : { code: error.code, message: error.message }
  return { ...transferFacts(ended, nameOf), at, error: told }
}
