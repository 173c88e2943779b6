// The daemon's log: one JSON object a line on stderr. It holds events and facts, never secrets or contents.

export interface Log {
  debug(event: string, facts?: Record<string, unknown>): void
  info(event: string, facts?: Record<string, unknown>): void
  warn(event: string, facts?: Record<string, unknown>): void
  error(event: string, facts?: Record<string, unknown>): void
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof LEVELS)[number]

/** Lines of one event that are written in a second; beyond, they are counted and left out. */
const LINES_PER_SECOND = 20

export function createLog(write: (line: string) => void, least: Level, now: () => number = Date.now): Log {
  const seen = new Map<string, { second: number; lines: number }>()
  const log =
    (level: Level) =>
    (event: string, facts: Record<string, unknown> = {}) => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return
      const time = now()
      const second = Math.floor(time / 1000)
      const count = seen.get(event)
      const left = count === undefined || count.second === second ? 0 : Math.max(0, count.lines - LINES_PER_SECOND)
      const lines = count?.second === second ? count.lines + 1 : 1
      seen.set(event, { second, lines })
      if (lines > LINES_PER_SECOND) return
      const dropped = left > 0 ? { leftOut: left } : {}
      write(`${JSON.stringify({ time: new Date(time).toISOString(), level, event, ...dropped, ...facts }, plain)}\n`)
    }
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}

export const silentLog: Log = createLog(() => undefined, 'error')

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error)
    return { name: value.name, message: value.message, ...('code' in value ? { code: value.code } : {}) }
  return typeof value === 'bigint' ? value.toString() : value
}
