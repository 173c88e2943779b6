// What the system says of a process: time on processors, memory, bytes read and written. Linux tells; elsewhere all is 0.

import { readdir, readFile } from 'node:fs/promises'

/** Ticks a second in /proc: the same on every Linux that Node runs on. */
const TICKS = 100
const GiB = 2 ** 30

/** Seconds on a processor so far: of the process, and of each of its threads. */
export interface Cpu {
  readonly seconds: number
  readonly threads: ReadonlyMap<string, number>
}

export async function cpuOf(pid: number): Promise<Cpu> {
  const threads = new Map<string, number>()
  if (process.platform !== 'linux') return { seconds: 0, threads }
  for (const id of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${id}/stat`, 'utf8').catch(() => undefined)
    // A thread that has ended since the listing.
    if (stat !== undefined) threads.set(id, secondsIn(stat))
  }
  return { seconds: secondsIn(await readFile(`/proc/${pid}/stat`, 'utf8')), threads }
}

/** Fields 14 and 15, user and system; the second field may contain anything, but is the last to close a bracket. */
function secondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** What several processes' runs took: for each, the whole, the main thread, and the busiest of the others. */
export class CpuMeter {
  readonly #all: number[] = []
  readonly #main: number[] = []
  readonly #busiest: number[] = []

  /** Counts what a process did between two looks, for so many bytes. */
  add(pid: number, before: Cpu, after: Cpu, bytes: number): void {
    const spent = [...after.threads].map(([id, seconds]) => ({
      isMain: id === String(pid),
      seconds: seconds - (before.threads.get(id) ?? 0)
    }))
    const most = (isMain: boolean) =>
      Math.max(0, ...spent.filter(thread => thread.isMain === isMain).map(({ seconds }) => seconds))
    this.#all.push(((after.seconds - before.seconds) * GiB) / bytes)
    this.#main.push((most(true) * GiB) / bytes)
    this.#busiest.push((most(false) * GiB) / bytes)
  }

  /** Means, in seconds for each GiB, named after the side. */
  figures(side: string): Record<string, number> {
    return {
      [`${side}CpuSecondsPerGiB`]: mean(this.#all),
      [`${side}MainThreadSecondsPerGiB`]: mean(this.#main),
      [`${side}BusiestThreadSecondsPerGiB`]: mean(this.#busiest)
    }
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Bytes of a field of /proc/PID/status: `VmRSS`, or `VmHWM` for the most there ever were. */
export async function statusBytes(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  if (process.platform !== 'linux') return 0
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024
}

/** Bytes that it has read from, or written to, files and sockets. */
export async function ioBytes(pid: number, field: 'rchar' | 'wchar'): Promise<number> {
  if (process.platform !== 'linux') return 0
  return Number(new RegExp(`${field}: (\\d+)`).exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0)
}
