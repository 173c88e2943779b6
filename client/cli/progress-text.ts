// One line that says how far a transfer is: phase, bytes, rate, time left, and why it waits.

import type { Progress } from '../../proto/api.ts'
import { escapeLine } from './escape.ts'
import { formatBytes, formatSeconds } from './units.ts'

export function progressText({ phase, bytes, total, files, filesTotal, bytesPerSecond, why }: Progress): string {
  const parts: string[] = [phase]
  if (total === null) parts.push(formatBytes(bytes))
  else
    parts.push(
      `${total === 0 ? 100 : Math.floor((bytes / total) * 100)}%`,
      `${formatBytes(bytes)} of ${formatBytes(total)}`
    )
  if ((filesTotal ?? files) > 1) parts.push(filesTotal === null ? `${files} files` : `${files} of ${filesTotal} files`)
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`)
  if (total !== null && bytesPerSecond > 0 && total > bytes)
    parts.push(`${formatSeconds((total - bytes) / bytesPerSecond)} left`)
  if (why !== null) parts.push(escapeLine(why))
  return parts.join('  ')
}
