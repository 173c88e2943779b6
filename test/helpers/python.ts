// Which Python there is, with which packages: tests that ask other languages what they read are skipped where there is none.

import { spawnSync } from 'node:child_process'

const COMMANDS = [process.env['PATHMESH_PYTHON'], 'python3', 'python']
  .filter(command => command !== undefined)
  .filter(command => command !== '')

/** A command that runs Python 3 and can import all of `modules`; undefined where there is none. */
export function pythonWith(...modules: string[]): string | undefined {
  const probe = ['import sys', 'assert sys.version_info >= (3, 8)', ...modules.map(name => `import ${name}`)].join('\n')
  return COMMANDS.find(command => spawnSync(command, ['-c', probe], { stdio: 'ignore', timeout: 60_000 }).status === 0)
}

/** What a script prints. Throws, with what it said, where it fails. */
export function runPython(command: string, script: string, args: readonly string[] = [], input?: string): string {
  const { status, stdout, stderr } = spawnSync(command, ['-c', script, ...args], {
    input,
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 2 ** 27
  })
  if (status !== 0) throw new Error(`python failed with ${status}: ${stderr}`)
  return stdout
}
