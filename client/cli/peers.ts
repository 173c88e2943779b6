// `pathmesh peers`: the other nodes of the mesh.

import type { Command } from 'commander'
import type { Peer } from '../../proto/node-api.ts'
import { addCommand, type Enter } from './context.ts'
import { table } from './table.ts'
import { formatBytes } from './units.ts'

const HEAD = ['NAME', 'STATE', 'LATENCY', 'VIA', 'IN', 'OUT', 'PEER', 'ADDRESSES']

export function addPeers(program: Command, enter: Enter): void {
  addCommand(
    program,
    'peers',
    'Lists the other nodes of the mesh: connected or not, how far away, how bulk bytes travel (over a lane, a connection of their own, or the stream that carries all else: pathmesh why NODE says why), and how many went each way.',
    ['pathmesh peers', "pathmesh peers --json | jq -r 'select(.connected).name'"]
  ).action(async (_options: unknown, command: Command) => {
    const context = enter(command)
    const { output } = context
    await context.withMesh(async (mesh, signal) => {
      const rows: string[][] = []
      for await (const peer of mesh.peers({ signal })) {
        if (output.json) await output.value(peer)
        else rows.push(row(peer))
      }
      if (output.json) return
      if (rows.length === 0)
        output.talk(
          'no other node is known. On another machine: pathmesh up --detach --join INVITE (from pathmesh invite)'
        )
      else await output.data(table(HEAD, rows, ['LATENCY', 'IN', 'OUT']))
    })
  })
}

function row({ name, peerId, connected, lane, latencyMs, bytesIn, bytesOut, addresses }: Peer): string[] {
  const latency = latencyMs === null ? '-' : `${latencyMs.toFixed(1)} ms`
  const state = connected ? 'connected' : 'away'
  const [came, went] = [formatBytes(bytesIn), formatBytes(bytesOut)]
  return [name ?? '-', state, latency, lane ?? '-', came, went, peerId, addresses.join(' ')]
}
