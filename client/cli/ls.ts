// `pathmesh ls`: the names that are known.

import { Option, type Command } from 'commander'
import type { Name } from '../../proto/api.ts'
import { addCommand, type Enter } from './context.ts'
import { kindText } from './kind-text.ts'
import { nodeNames, type NodeNames } from './node-names.ts'
import { table } from './table.ts'
import { formatBytes, formatTime } from './units.ts'

interface Flags {
  readonly allVersions?: boolean
  readonly local?: boolean
  readonly remote?: boolean
}

export function addLs(program: Command, enter: Enter): void {
  addCommand(
    program,
    'ls [prefix]',
    'Lists the names that this node knows, of every node of the mesh, whether or not their origin is connected. HERE says whether the bytes are on this machine. A prefix is WORK/PATH or a URL, cut off anywhere; with @NODE behind the work, of that node alone.',
    [
      'pathmesh ls',
      'pathmesh ls train/ --all-versions',
      'pathmesh ls train@gpu-1/',
      'pathmesh ls --local',
      "pathmesh ls --json | jq -r 'select(.local | not).url'"
    ]
  )
    .option('--all-versions', 'earlier versions, too, as far as they are known')
    .addOption(new Option('--local', 'only what is on this machine, whole').conflicts('remote'))
    .option('--remote', 'only what is not')
    .action(async (prefix: string | undefined, flags: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      await context.withMesh(async (mesh, signal) => {
        const found: Name[] = []
        const versions = flags.allVersions === true ? 'all' : undefined
        const local = flags.local === true ? true : flags.remote === true ? false : undefined
        for await (const name of mesh.names({ prefix, versions, local, signal })) {
          if (output.json) await output.value(name)
          else found.push(name)
        }
        if (output.json) return
        if (found.length > 0) return await output.data(describe(found, await nodeNames(mesh, signal)))
        if (prefix !== undefined || local !== undefined)
          output.talk(`no ${local === undefined ? '' : local ? 'local ' : 'remote '}name${startOf(prefix)}`)
        else output.talk('no names yet: pathmesh share FILE, or pathmesh put WORK/NAME')
      })
    })
}

function startOf(prefix: string | undefined): string {
  return prefix === undefined ? '' : ` begins with ${prefix}`
}

function describe(found: readonly Name[], names: NodeNames): string {
  const rows = found.map(({ work, path, kind, codec, size, seq, modified, local, origin, conflict }) => [
    `${work}/${path}${kind === 'directory' ? '/' : ''}`,
    kindText({ kind, codec }),
    formatBytes(size),
    `${seq}${conflict === true ? ' (conflict)' : ''}`,
    formatTime(modified),
    local ? 'yes' : 'no',
    names.short(origin)
  ])
  return table(['NAME', 'KIND', 'SIZE', 'VERSION', 'PUBLISHED', 'HERE', 'ORIGIN'], rows, ['SIZE', 'VERSION'])
}
