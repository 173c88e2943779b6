// `pathmesh providers`: who holds the bytes of a reference.

import type { Command } from 'commander'
import { addCommand, refText, type Enter } from './context.ts'
import { table } from './table.ts'
import { formatBytes } from './units.ts'

interface Flags {
  readonly version?: string
}

export function addProviders(program: Command, enter: Enter): void {
  addCommand(
    program,
    'providers <ref>',
    'Lists the nodes that hold a reference, whole or in part. Asks all that are connected; this one is among them when it holds some.',
    ['pathmesh providers train/model.bin', 'pathmesh providers train/model.bin --version 3']
  )
    .option('--version <version>', 'a version: its number, or the CID of its root')
    .action(async (text: string, flags: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      const ref = refText(text, flags.version)
      await context.withMesh(async (mesh, signal) => {
        const rows: string[][] = []
        for await (const provider of mesh.path(ref).providers({ signal })) {
          const { peerId, name, complete, bytes } = provider
          if (output.json) await output.value(provider)
          else rows.push([name ?? '-', complete ? 'all' : 'a part', formatBytes(bytes), peerId])
        }
        if (output.json) return
        if (rows.length === 0) output.talk(`no connected node has ${text}`)
        else await output.data(table(['NODE', 'HAS', 'BYTES', 'PEER'], rows, ['BYTES']))
      })
    })
}
