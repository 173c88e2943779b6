// What is said to a provider that sent something wrong, and what its answer makes of it: what it shared has changed there, or it
// lies. Only one that insists on it is struck; who is gone before it could answer has insisted on nothing.

import type { CID } from 'multiformats/cid'
import type { Clock } from '../clock.ts'
import { withDeadline } from '../deadline.ts'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { ASK_MS } from '../../proto/limits.ts'
import type { Work } from './plan.ts'
import type { Provider } from './provider.ts'

/** Who is told of peers that sent what is wrong and insist on it. */
export interface Struck {
  struck(peer: string, what: string): void
}

export interface ComplaintParts {
  readonly clock: Clock
  readonly strikes: Struck
}

/** Tells a provider what was wrong of some work, and resolves to what that peer failed with. Rejects with the signal's reason. */
export async function complain(
  provider: Provider,
  work: readonly Work[],
  cause: PathmeshError,
  { clock, strikes }: ComplaintParts,
  signal: AbortSignal
): Promise<PathmeshError> {
  const { peer } = provider
  const subject = wrongOf(work, cause)
  const sent = subject?.sent ?? 'what'
  const answer = subject === undefined ? 'insists' : await told(provider, subject, clock, signal)
  if (answer === 'withdrawn')
    return new PathmeshError(
      'SOURCE_CHANGED',
      `${sent} from ${peer} changed there since it was shared: share it again`,
      {
        cause
      }
    )
  if (answer === 'insists') strikes.struck(peer, cause.message)
  const what = subject === undefined ? cause.message : `${sent} from ${peer} did not match its hash`
  return new PathmeshError('CORRUPT', what, { cause })
}

interface Subject {
  readonly file: CID
  readonly index: number
  readonly sent: string
}

async function told(
  provider: Provider,
  { file, index }: Subject,
  clock: Clock,
  outer: AbortSignal
): Promise<'withdrawn' | 'insists' | 'gone'> {
  try {
    const isWithdrawn = await withDeadline(clock, ASK_MS, 'complaining', outer, signal =>
      provider.wrong(file, index, { signal })
    )
    return isWithdrawn ? 'withdrawn' : 'insists'
  } catch (error) {
    outer.throwIfAborted()
    return hasCode(error, 'NO_PROVIDERS') ? 'gone' : 'insists'
  }
}

function wrongOf(work: readonly Work[], { details }: PathmeshError): Subject | undefined {
  const [wrong, wrongLeaf] = [details?.['wrong'], details?.['wrongLeaf']]
  for (const unit of work) {
    if (unit.type === 'leaf' && unit.job.index === wrongLeaf)
      return { file: unit.file.cid, index: unit.job.index, sent: `leaf ${unit.job.index}` }
    const job = unit.type === 'small' ? unit.jobs.find(({ cid }) => cid.toString() === wrong) : undefined
    if (job !== undefined) return { file: job.cid, index: 0, sent: job.path === '' ? 'content' : job.path }
  }
  return undefined
}
