// `pathmesh invite`: a new invite to the mesh of the local node.

import type { Command } from 'commander'
import { addCommand, type Enter } from './context.ts'

export function addInvite(program: Command, enter: Enter): void {
  addCommand(
    program,
    'invite',
    'Prints an invite: one line of text with which another machine joins this mesh. Whoever has it is a member, so send it as you would a password.',
    ['pathmesh invite', 'pathmesh invite | ssh laptop pathmesh up --detach --join -']
  ).action(async (_options: unknown, command: Command) => {
    const context = enter(command)
    await context.withMesh(async (mesh, signal) => {
      const invite = await mesh.invite({ signal })
      if (context.output.json) return await context.output.value(invite)
      const until = invite.expires === null ? '' : `, until ${new Date(invite.expires).toISOString()}`
      context.output.talk(`Whoever has this can join${until}: pathmesh up --detach --join INVITE`)
      await context.output.data(`${invite.invite}\n`)
    })
  })
}
