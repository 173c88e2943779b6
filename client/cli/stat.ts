// `pathmesh stat`: all that is known of one reference.

import type { Command } from 'commander'
import type { Stat } from '../../proto/api.ts'
import { addCommand, refText, type Enter } from './context.ts'
import { kindText } from './kind-text.ts'
import { nodeNames, type NodeNames } from './node-names.ts'
import { factList } from './table.ts'
import { formatBytes } from './units.ts'

interface Flags {
  readonly version?: string
}

export function addStat(program: Command, enter: Enter): void {
  addCommand(
    program,
    'stat <ref>',
    'Shows what a reference is: its kind, size, content and version, who published it, and how many copies there are. Fetches no content.',
    [
      'pathmesh stat train/model.bin',
      'pathmesh stat train/checkpoints/last.ckpt --version 3',
      'pathmesh stat ipfs://bafy…/README.md'
    ]
  )
    .option('--version <version>', 'a version: its number, or the CID of its root')
    .action(async (text: string, flags: Flags, command: Command) => {
      const context = enter(command)
      const ref = refText(text, flags.version)
      await context.withMesh(async (mesh, signal) => {
        const stat = await mesh.stat(ref, { signal })
        if (context.output.json) await context.output.value(stat)
        else await context.output.data(describe(stat, await nodeNames(mesh, signal)))
      })
    })
}

function describe(stat: Stat, names: NodeNames): string {
  const facts: [string, string][] = [
    ['url', stat.url],
    ['kind', `${kindText(stat)}${stat.executable ? ', executable' : ''}`],
    ['size', `${formatBytes(stat.size)} (${stat.size} bytes)`],
    ['content', stat.cid]
  ]
  if (stat.mediaType !== null) facts.push(['media type', stat.mediaType])
  if (stat.target !== null) facts.push(['points to', stat.target])
  if (stat.sub !== '') facts.push(['inside', `${stat.root} at ${stat.sub}`])
  if (stat.seq !== null) facts.push(['version', String(stat.seq)], ['published', new Date(stat.modified).toISOString()])
  if (stat.conflict === true) facts.push(['conflict', 'its origin gave two versions this number'])
  if (stat.aliasOf !== null) facts.push(['alias of', stat.aliasOf])
  if (stat.origin !== null) facts.push(['origin', names.full(stat.origin)])
  if (stat.meta !== null) facts.push(['meta', JSON.stringify(stat.meta)])
  facts.push(['here', stat.local ? 'yes' : 'no'], ['copies', String(stat.copies)])
  if (stat.providers.length > 0) facts.push(['providers', stat.providers.map(peerId => names.full(peerId)).join(', ')])
  return factList(facts)
}
