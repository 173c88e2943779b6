// `pathmesh status`: what the local node is and does.

import type { Command } from 'commander'
import type { Status } from '../../proto/node-api.ts'
import { addCommand, type Enter } from './context.ts'
import { factList } from './table.ts'
import { transferName, transferText } from './transfer-text.ts'
import { formatBytes, formatSeconds } from './units.ts'

export function addStatus(program: Command, enter: Enter): void {
  addCommand(
    program,
    'status',
    'Shows the local node: who it is, where it listens, whom it knows, what it stores and what it is fetching. Exits with 4 when no daemon runs.',
    ['pathmesh status', 'pathmesh status --json']
  ).action(async (_options: unknown, command: Command) => {
    const context = enter(command)
    await context.withMesh(async (mesh, signal) => {
      const status = await mesh.status({ signal })
      if (context.output.json) await context.output.value(status)
      else await context.output.data(describe(status))
    })
  })
}

function describe(status: Status): string {
  const { storage } = status
  const facts: [string, string][] = [
    ['node', `${status.name} (${status.peerId})`],
    ['mesh', status.meshId],
    ['addresses', status.addresses.join(' ') || 'none'],
    ['version', status.version],
    ['up for', formatSeconds(status.uptimeSeconds)],
    ['peers', `${status.peers}${status.synced ? '' : ' (none has answered yet)'}`],
    ['names', String(status.names)],
    ['shared in place', formatBytes(storage.inPlaceBytes)],
    ['stored', `${formatBytes(storage.storedBytes)}, and ${formatBytes(storage.partialBytes)} of unfinished transfers`],
    ['free on disk', formatBytes(storage.freeBytes)]
  ]
  for (const transfer of status.transfers)
    facts.push(['fetching', `${transferName(transfer)}: ${transferText(transfer)}`])
  return factList(facts)
}
