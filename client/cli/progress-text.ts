// One line that says how far a transfer is: phase, bytes, rate, time left, from how many, and why it waits.

import type { Progress } from '../../proto/api.ts'
import { escapeLine } from './escape.ts'
import { formatBytes, formatSeconds } from './units.ts'

/** What moves on this machine alone. */
const HERE: readonly Progress['phase'][] = ['scanning', 'hashing', 'indexing', 'copying']

export function progressText(progress: Progress): string {
  const { phase, bytes, total, files, filesTotal, bytesPerSecond, providers, why } = progress
  const parts: string[] = [phase]
  if (total === null) parts.push(formatBytes(bytes))
  else
    parts.push(
      `${total === 0 ? 100 : Math.floor((bytes / total) * 100)}%`,
      `${formatBytes(bytes)} of ${formatBytes(total)}`
    )
  if ((filesTotal ?? files) > 1) parts.push(filesTotal === null ? `${files} files` : `${files} of ${filesTotal} files`)
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`)
  const left = secondsLeft(progress)
  if (left !== null) parts.push(`${formatSeconds(left)} left`)
  if (providers.length > 0) parts.push(`from ${providers.length} ${providers.length === 1 ? 'node' : 'nodes'}`)
  if (why !== null) parts.push(escapeLine(why))
  return parts.join('  ')
}

/** As the daemon has it; here, by the rate. */
function secondsLeft({ etaSeconds, bytes, total, bytesPerSecond, phase }: Progress): number | null {
  if (etaSeconds !== null || !HERE.includes(phase)) return etaSeconds
  return total !== null && bytesPerSecond > 0 && total > bytes ? (total - bytes) / bytesPerSecond : null
}
