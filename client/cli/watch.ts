// `pathmesh watch`: new versions and retirements, as they come.

import type { Command } from 'commander'
import type { WatchEvent } from '../../proto/api.ts'
import { addCommand, type Enter } from './context.ts'
import { escapeLine } from './escape.ts'
import { kindText } from './kind-text.ts'
import { nodeNames, type NodeNames } from './node-names.ts'
import type { Output } from './output.ts'
import { formatBytes, formatTime, parseCursor } from './units.ts'

interface Flags {
  readonly after?: string
}

export function addWatch(program: Command, enter: Enter): void {
  addCommand(
    program,
    'watch [prefix]',
    'Prints new versions and retirements of names as they come, of every node of the mesh, until Ctrl-C. A prefix is as for ls. With --json each line carries a cursor: --after it goes on where that line was, and a line {"event":"gap"} says that changes were missed.',
    [
      'pathmesh watch train/',
      'pathmesh watch --json --after CURSOR',
      'pathmesh watch datasets/ --json | jq -r --unbuffered \'select(.event == "version").url\''
    ]
  )
    .option('--after <cursor>', 'begin behind this line of an earlier watch, not with what is new', parseCursor)
    .action(async (prefix: string | undefined, { after }: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      await context.withMesh(async (mesh, signal) => {
        let names: NodeNames | undefined
        for await (const event of mesh.watch({ prefix, after, signal })) {
          if (output.json) {
            await output.value(event)
            continue
          }
          names ??= await nodeNames(mesh, signal)
          await say(output, event, names)
        }
      })
    })
}

async function say(output: Output, event: WatchEvent, names: NodeNames): Promise<void> {
  if (event.event === 'watching') return output.talk('watching; Ctrl-C ends it')
  if (event.event === 'gap') return output.talk(`${event.missed ?? 'some'} changes were missed: see pathmesh ls`)
  const { work, path, seq, origin, modified } = event
  const what =
    event.event === 'retired'
      ? 'retired'
      : [
          `version ${seq}`,
          formatBytes(event.size),
          ...(event.codec === null ? [] : [kindText(event)]),
          ...(event.aliasOf === null ? [] : [`alias of ${event.aliasOf}`])
        ].join('  ')
  const slash = event.event === 'version' && event.kind === 'directory' ? '/' : ''
  const line = `${formatTime(modified)}  ${work}/${path}${slash}  ${what}  ${names.short(origin)}`
  await output.data(`${escapeLine(line)}\n`)
}
