// Other programs, for benches: run to the end, or looked for.

import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Runs a program to its end; rejects with what it said if it fails. */
export async function run(program: string, args: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (data: Buffer) => (said += data.toString()))
    child.once('error', reject)
    child.once('close', code => (code === 0 ? resolve() : reject(new Error(`${program} exited with ${code}: ${said}`))))
  })
}

export async function isInstalled(program: string): Promise<boolean> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      await access(join(folder, program), constants.X_OK)
      return true
    } catch {
      continue
    }
  }
  return false
}
