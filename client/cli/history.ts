// `pathmesh history`: what became of one name.

import type { Command } from 'commander'
import type { Change } from '../../proto/api.ts'
import { addCommand, refText, type Enter } from './context.ts'
import { kindText } from './kind-text.ts'
import { nodeNames, type NodeNames } from './node-names.ts'
import { table } from './table.ts'
import { formatBytes, formatTime } from './units.ts'

export function addHistory(program: Command, enter: Enter): void {
  addCommand(
    program,
    'history <ref>',
    'Lists the versions of a name that this node knows, and its retirements, the newest first. HERE says whether the bytes are on this machine; an earlier version can be fetched for as long as somebody has it.',
    ['pathmesh history train/model.bin', "pathmesh history train/model.bin --json | jq 'select(.meta.epoch == 3)'"]
  ).action(async (text: string, _options: unknown, command: Command) => {
    const context = enter(command)
    const { output } = context
    const ref = refText(text, undefined)
    await context.withMesh(async (mesh, signal) => {
      const found: Change[] = []
      for await (const change of mesh.history(ref, { signal })) {
        if (output.json) await output.value(change)
        else found.push(change)
      }
      if (!output.json) await output.data(describe(found, await nodeNames(mesh, signal)))
    })
  })
}

function describe(found: readonly Change[], names: NodeNames): string {
  const rows = found.map(change => {
    const when = formatTime(change.modified)
    const origin = names.short(change.origin)
    if (change.event === 'retired') return [String(change.seq), when, '-', '-', origin, 'retired']
    const { seq, size, local, cid, codec, meta, aliasOf } = change
    const about = [
      cid,
      ...(codec === null ? [] : [kindText(change)]),
      ...(aliasOf === null ? [] : [`alias of ${aliasOf}`]),
      ...(meta === null ? [] : [JSON.stringify(meta)])
    ]
    return [String(seq), when, formatBytes(size), local ? 'yes' : 'no', origin, about.join('  ')]
  })
  return table(['VERSION', 'PUBLISHED', 'SIZE', 'HERE', 'ORIGIN', 'CONTENT'], rows, ['VERSION', 'SIZE'])
}
