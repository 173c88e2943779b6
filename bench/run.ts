// Other programs, for benches: run to the end, or looked for.

import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { watched } from './children.ts'

/** Runs a program to its end, and resolves to what it wrote; rejects with what it said if it fails. */
export async function run(program: string, args: readonly string[]): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    const child = watched(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
    let [wrote, said] = ['', '']
    child.stdout.on('data', (data: Buffer) => (wrote += data.toString()))
    child.stderr.on('data', (data: Buffer) => (said += data.toString()))
    child.once('error', reject)
    child.once('close', code =>
      code === 0 ? resolve(wrote) : reject(new Error(`${program} exited with ${code}: ${said}`))
    )
  })
}

/** As `run`; resolves to the seconds that the program was on a processor. */
export async function cpuSecondsOf(program: string, args: readonly string[]): Promise<number> {
  // The second line of `times` is of the shell's children: 0m1.230s 0m0.450s.
  const wrote = await run('sh', ['-c', '"$@" > /dev/null || exit; times', 'sh', program, ...args])
  const [, children = ''] = wrote.trim().split('\n')
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds),
    0
  )
}

export async function isInstalled(program: string): Promise<boolean> {
  return (await findProgram(program)) !== undefined
}

/** The path of an installed program. */
export async function findProgram(program: string): Promise<string | undefined> {
  // Servers lie where an ordinary user's PATH does not look.
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const path = join(folder, program)
    try {
      await access(path, constants.X_OK)
      return path
    } catch {
      continue
    }
  }
  return undefined
}
