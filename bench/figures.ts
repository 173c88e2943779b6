// How figures are taken and told: several runs, the median, and its ratio to a floor or rival of the same run.

export interface Report {
  readonly bench: string
  /** To the floor or the rival of the same run. Where no bar says otherwise, 1 is the same and more is better. */
  readonly ratios: Readonly<Record<string, number>>
  /** What a ratio is to be. */
  readonly bars?: Readonly<Record<string, Bar>>
  /** What was measured, in the unit that the name ends with. */
  readonly figures: Readonly<Record<string, number>>
  /** What was left out, and why. */
  readonly notes: readonly string[]
}

export type Bar = { readonly atLeast: number } | { readonly atMost: number }

export interface BenchOptions {
  readonly runs: number
  /** Bytes of the large file. */
  readonly bytes: number
  /** Names of the catalogue. */
  readonly names: number
  /** Nodes in network namespaces of their own, where a bench can have them. */
  readonly netns: boolean
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
  const row = (name: string, value: number, more = '') => `  ${name.padEnd(width)}  ${round(value)}${more}`
  return [
    report.bench,
    ...Object.entries(report.figures).map(([name, value]) => row(name, value)),
    ...Object.entries(report.ratios).map(([name, value]) => row(name, value, ` times${against(report, name, value)}`)),
    ...report.notes.map(note => `  ${note}`)
  ].join('\n')
}

function against({ bars }: Report, name: string, value: number): string {
  const bar = bars?.[name]
  if (bar === undefined) return ''
  const [isMet, text] =
    'atLeast' in bar ? [value >= bar.atLeast, `>= ${bar.atLeast}`] : [value <= bar.atMost, `<= ${bar.atMost}`]
  return `, ${text}: ${isMet ? 'met' : 'missed'}`
}
