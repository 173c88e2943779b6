// A get that failed or was not done in time, told to whoever asked for it: how far it came, who was asked, and what each said.

import type { ProviderStatus, SessionStatus } from '../exchange/session-types.ts'
import { formatBytes } from '../../proto/bytes-text.ts'
import { type ErrorCode, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { PROGRESS_PROVIDERS_MAX } from '../../proto/limits.ts'
import type { NameOf } from './transfer-facts.ts'

const PEER_ID_SHOWN = 8
/** Nothing came: who was asked is the point. */
const TELLING: readonly ErrorCode[] = ['TIMEOUT', 'NO_PROVIDERS']

/**
 * The same error, of the same code, with `phase`, `bytesVerified`, `bytesTotal` and `tried` in its details; where nothing came for too
 * long, the message tells it as well. `status` is where the transfer stood when it still ran.
 */
export function fetchFailure(error: unknown, status: SessionStatus, nameOf: NameOf): PathmeshError {
  const known = toPathmeshError(error, 'fetching')
  const { state, bytesDone, bytesTotal } = status
  const tried = status.providers.flatMap(({ peerId, said }) => {
    const name = nameOf(peerId)
    return said === null ? [] : [{ peerId, ...(name === undefined ? {} : { name }), ...said }]
  })
  const details = { phase: state, bytesVerified: bytesDone, bytesTotal, ...known.details, tried }
  const { code, message } = known
  const story = TELLING.includes(code) ? `. ${storyOf(status, nameOf)}` : ''
  return new PathmeshError(code, `${message}${story}`, { cause: error, details })
}

/** `3.2 MiB of 10.0 MiB verified; gpu-1: sent next to nothing for 12 s; gpu-2: nothing came yet`. */
function storyOf({ bytesDone, bytesTotal, providers }: SessionStatus, nameOf: NameOf): string {
  const total = bytesTotal === null ? '' : ` of ${formatBytes(bytesTotal)}`
  const told = providers.toSorted((a, b) => rankOf(a) - rankOf(b)).map(one => wordOf(one, nameOf))
  const others = told.length - PROGRESS_PROVIDERS_MAX
  return [
    `${formatBytes(bytesDone)}${total} verified`,
    ...(told.length === 0 ? ['nobody was asked'] : told.slice(0, PROGRESS_PROVIDERS_MAX)),
    ...(others > 0 ? [`and ${others} others`] : [])
  ].join('; ')
}

/** First who sent, then who failed, then who has nothing of it. */
function rankOf({ bytes, said }: ProviderStatus): number {
  return bytes > 0 ? 0 : said?.code === 'NO_PROVIDERS' ? 2 : 1
}

function wordOf({ peerId, bytes, state, said }: ProviderStatus, nameOf: NameOf): string {
  const sent = bytes > 0 ? `sent ${formatBytes(bytes)}` : state === 'sending' ? 'nothing came yet' : 'not asked yet'
  return `${nameOf(peerId) ?? peerId.slice(-PEER_ID_SHOWN)}: ${said === null ? sent : said.message}`
}
