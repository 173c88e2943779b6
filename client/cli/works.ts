// `pathmesh works`: the works of the mesh.

import type { Command } from 'commander'
import { addCommand, type Enter } from './context.ts'
import { table } from './table.ts'

export function addWorks(program: Command, enter: Enter): void {
  addCommand(
    program,
    'works',
    'Lists the works of the mesh, one line for each node that publishes under one or claimed it. A bare name means the node where HOME says yes; write WORK@NODE/PATH for another.',
    ['pathmesh works', "pathmesh works --json | jq -r 'select(.home).work'"]
  ).action(async (_options: unknown, command: Command) => {
    const context = enter(command)
    const { output } = context
    await context.withMesh(async (mesh, signal) => {
      const rows: string[][] = []
      for await (const line of mesh.works({ signal })) {
        const { work, origin, node, connected, home, names } = line
        if (output.json) await output.value(line)
        else
          rows.push([work, home ? 'yes' : 'no', node ?? '-', connected ? 'connected' : 'away', String(names), origin])
      }
      if (output.json) return
      if (rows.length === 0) output.talk('no works yet: pathmesh share FILE --as WORK/PATH')
      else await output.data(table(['WORK', 'HOME', 'NODE', 'STATE', 'NAMES', 'PEER'], rows, ['NAMES']))
    })
  })
}
