// `pathmesh alias`: another name for a version.

import type { Command } from 'commander'
import type { Meta } from '../../proto/api.ts'
import { addCommand, refText, type Enter } from './context.ts'
import { formatBytes, parseMeta } from './units.ts'

interface Flags {
  readonly version?: string
  readonly meta?: Meta
}

export function addAlias(program: Command, enter: Enter): void {
  addCommand(
    program,
    'alias <name> <ref>',
    'Publishes another name, WORK/PATH, for a version of something that is published; without --version the newest. No bytes move, and the new name stays with that version until it is given another.',
    [
      'pathmesh alias train/good train/model.bin --version 3',
      'pathmesh alias train/best train/checkpoints/epoch-3 --meta \'{"loss":0.1}\''
    ]
  )
    .option('--version <version>', 'a version: its number, or the CID of its root')
    .option('--meta <json>', 'a JSON object that goes with it (without it: that of the version)', parseMeta)
    .action(async (name: string, text: string, { version, meta }: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      const ref = refText(text, version)
      await context.withMesh(async (mesh, signal) => {
        const { path, cid, kind, size, seq, origin, kept, copies } = await mesh.alias(name, ref, { meta, signal })
        const url = path.toString()
        if (output.json) return await output.value({ url, cid, kind, size, seq, origin, kept, copies })
        output.talk(`${kind}, ${formatBytes(size)}, version ${seq}, also known as ${text}`)
        await output.data(`${url}\n`)
      })
    })
}
