// The summary of a run of chaos: how fetches ended, of the file and of the tree, what befell the nodes, and what was broken.

import type { FaultCounts } from './faults.ts'
import type { Outcome, Source } from './fetching.ts'
import type { Holding } from './resting.ts'

const MiB = 2 ** 20
const GiB = 2 ** 30

export class Summary {
  readonly #ends = new Map<string, { file: number; tree: number }>()
  readonly #broken: string[] = []
  #bytes = 0

  count({ kind }: Source, { as, bytesFetched }: Outcome): void {
    const row = this.#ends.get(as) ?? { file: 0, tree: 0 }
    row[kind]++
    this.#ends.set(as, row)
    this.#bytes += bytesFetched
  }

  broken(...what: readonly string[]): void {
    this.#broken.push(...what)
  }

  get isWell(): boolean {
    return this.#broken.length === 0
  }

  text(seed: string, seconds: number, faults: FaultCounts, held: ReadonlyMap<string, Holding>): string {
    const rows = [...this.#ends].sort(([one], [other]) => (one < other ? -1 : 1))
    return [
      `seed ${seed}: ${seconds.toFixed(0)} s, ${faults.frozen} nodes frozen, ${faults.killed} killed and started again`,
      row('fetches that ended', 'file', 'tree'),
      ...rows.map(([as, { file, tree }]) => row(`  ${as}`, file, tree)),
      `${(this.#bytes / GiB).toFixed(1)} GiB came in fetches that were whole`,
      row('at rest', 'sockets', 'files', 'others', 'MiB', 'peak MiB'),
      ...[...held].map(([name, { sockets, files, others, memoryBytes, peakBytes }]) =>
        row(`  ${name}`, sockets, files, others, Math.round(memoryBytes / MiB), Math.round(peakBytes / MiB))
      ),
      this.isWell ? 'nothing was broken' : `${this.#broken.length} promises were broken:`,
      ...this.#broken.map(what => `  ${what}`)
    ].join('\n')
  }

  json(seed: string, seconds: number, faults: FaultCounts, held: ReadonlyMap<string, Holding>): string {
    const ends = Object.fromEntries(this.#ends)
    return JSON.stringify({
      seed,
      seconds,
      faults,
      ends,
      bytes: this.#bytes,
      atRest: Object.fromEntries(held),
      broken: this.#broken
    })
  }
}

function row(head: string, ...cells: readonly (string | number)[]): string {
  return `${head.padEnd(24)}${cells.map(cell => String(cell).padStart(10)).join('')}`
}
