// `pathmesh drop`: removes local copies of what was fetched.

import type { Command } from 'commander'
import { addCommand, refText, type Enter } from './context.ts'
import { formatBytes } from './units.ts'

interface Flags {
  readonly version?: string
}

export function addDrop(program: Command, enter: Enter): void {
  addCommand(
    program,
    'drop <ref...>',
    'Removes the copies in the local store; the names stay, and what they name can be fetched again. Files that were shared from where they lie are never touched. Exits with 5 when only some could be dropped.',
    ['pathmesh drop train/model.bin', 'pathmesh drop train/model.bin --version 3']
  )
    .option('--version <version>', 'a version: its number, or the CID of its root')
    .action(async (refs: string[], flags: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      await context.withMesh(async (mesh, signal) => {
        await context.each(refs, signal, async text => {
          const url = refText(text, flags.version)
          const dropped = await mesh.drop(url, { signal })
          if (output.json) await output.value({ url, ...dropped })
          else output.talk(`dropped ${text}: ${dropped.files} files, ${formatBytes(dropped.bytes)}`)
        })
      })
    })
}
