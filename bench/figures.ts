// How figures are taken and told: several runs, the median, and its ratio to a floor or rival of the same run.

export interface Report {
  readonly bench: string
  /** How many times as good as the floor or the rival: 1 is the same, more is better. */
  readonly ratios: Readonly<Record<string, number>>
  /** What was measured, in the unit that the name ends with. */
  readonly figures: Readonly<Record<string, number>>
  /** What was left out, and why. */
  readonly notes: readonly string[]
}

export interface BenchOptions {
  readonly runs: number
  /** Bytes of the large file. */
  readonly bytes: number
  /** Names of the catalogue. */
  readonly names: number
  readonly talk: (line: string) => void
}

export type Bench = (options: BenchOptions) => Promise<Report>

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** The value that this part of all lies below. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
  if (value === undefined) throw new RangeError('no values')
  return value
}

/** Seconds that `run` takes. */
export async function seconds(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1000
}

export const round = (value: number): number => Number(value.toPrecision(3))

export function print(report: Report): string {
  const width = Math.max(
    ...Object.keys(report.figures).map(name => name.length),
    ...Object.keys(report.ratios).map(name => name.length)
  )
  const row = (name: string, value: number, unit = '') => `  ${name.padEnd(width)}  ${round(value)}${unit}`
  return [
    report.bench,
    ...Object.entries(report.figures).map(([name, value]) => row(name, value)),
    ...Object.entries(report.ratios).map(([name, value]) => row(name, value, ' times')),
    ...report.notes.map(note => `  ${note}`)
  ].join('\n')
}
