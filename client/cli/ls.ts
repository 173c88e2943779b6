// `pathmesh ls`: the names that are known.

import type { Command } from 'commander'
import type { Name } from '../../proto/api.ts'
import { addCommand, type Enter } from './context.ts'
import { table } from './table.ts'
import { formatBytes } from './units.ts'

export function addLs(program: Command, enter: Enter): void {
  addCommand(
    program,
    'ls [prefix]',
    'Lists the names that this node knows, of every node of the mesh, whether or not their origin is connected. HERE says whether the bytes are on this machine.',
    ['pathmesh ls', 'pathmesh ls train/', "pathmesh ls --json | jq -r 'select(.local | not).url'"]
  ).action(async (prefix: string | undefined, _options: unknown, command: Command) => {
    const context = enter(command)
    const { output } = context
    await context.withMesh(async (mesh, signal) => {
      const rows: string[][] = []
      for await (const name of mesh.names({ prefix, signal })) {
        if (output.json) await output.value(name)
        else rows.push(row(name))
      }
      if (output.json) return
      if (rows.length === 0)
        output.talk(prefix === undefined ? 'no names yet: pathmesh share FILE' : `no name begins with ${prefix}`)
      else
        await output.data(
          table(['NAME', 'KIND', 'SIZE', 'VERSION', 'PUBLISHED', 'HERE', 'ORIGIN'], rows, ['SIZE', 'VERSION'])
        )
    })
  })
}

function row({ work, path, kind, size, seq, modified, local, origin }: Name): string[] {
  const published = new Date(modified).toISOString().slice(0, 19).replace('T', ' ')
  return [
    `${work}/${path}${kind === 'directory' ? '/' : ''}`,
    kind,
    formatBytes(size),
    String(seq),
    published,
    local ? 'yes' : 'no',
    origin
  ]
}
