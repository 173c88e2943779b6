// `pathmesh unshare`: retires names of this node.

import type { Command } from 'commander'
import { addCommand, type Enter } from './context.ts'

export function addUnshare(program: Command, enter: Enter): void {
  addCommand(
    program,
    'unshare <name...>',
    'Retires names that this node publishes: they resolve no more, anywhere. Files stay where they lie, and copies that others fetched stay theirs. Exits with 5 when only some could be retired.',
    ['pathmesh unshare train/model.bin', 'pathmesh unshare -- -odd-work/name']
  ).action(async (names: string[], _options: unknown, command: Command) => {
    const context = enter(command)
    const { output } = context
    await context.withMesh(async (mesh, signal) => {
      await context.each(names, signal, async name => {
        const unshared = await mesh.unshare(name, { signal })
        if (output.json) await output.value(unshared)
        else output.talk(`retired ${unshared.url}`)
      })
    })
  })
}
