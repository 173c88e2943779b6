// `pathmesh cat`: bytes of a file on stdout, as they are.

import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { addCommand, refText, type Enter } from './context.ts'
import { parseByteRange, type ByteRange } from './units.ts'

interface Flags {
  readonly version?: string
  readonly range?: ByteRange
}

export function addCat(program: Command, enter: Enter): void {
  addCommand(
    program,
    'cat <ref>',
    'Writes the bytes of a file to standard output, verified, fetching no more than is read. --json changes nothing but the form of errors.',
    ['pathmesh cat train/log.txt | tail', 'pathmesh cat train/model.bin --range 0-1023 | xxd']
  )
    .option('--version <version>', 'a version: its number, or the CID of its root')
    .option('--range <range>', 'bytes A-B (both included), or A- for all from A', parseByteRange)
    .action(async (text: string, flags: Flags, command: Command) => {
      const context = enter(command)
      const ref = refText(text, flags.version)
      await context.withMesh(async (mesh, signal) => {
        const bytes = mesh.path(ref).createReadStream({ ...flags.range, signal })
        await pipeline(bytes, context.output.stdout, { end: false, signal })
      })
    })
}
