// `pathmesh transfers`: what the local node is fetching, once or as it goes on.

import type { Command } from 'commander'
import type { Transfer, TransferEvent } from '../../proto/node-api.ts'
import { addCommand, type Enter } from './context.ts'
import { escapeLine } from './escape.ts'
import type { Output } from './output.ts'
import { table } from './table.ts'
import { doneText, endText, isSender, leftText, transferName, transferText } from './transfer-text.ts'
import { formatBytes } from './units.ts'

interface Flags {
  readonly follow?: boolean
}

const HEAD = ['NAME', 'STATE', 'DONE', 'RATE', 'LEFT', 'FROM', 'WAITS FOR']

export function addTransfers(program: Command, enter: Enter): void {
  addCommand(
    program,
    'transfers',
    'Lists what this node is fetching: how far it is, how fast, from whom, and what it waits for. With --follow it goes on, and says when one begins, waits for something else, or ends, until Ctrl-C; with --json a line whenever anything changed, and {"event":"gone"} at its end.',
    [
      'pathmesh transfers',
      'pathmesh transfers --follow',
      'pathmesh transfers --follow --json | jq -r --unbuffered \'select(.event == "gone")\''
    ]
  )
    .option('--follow', 'stay, and go on with what changes')
    .action(async ({ follow }: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      await context.withMesh(async (mesh, signal) => {
        const events = mesh.transfers({ follow, signal })
        if (output.json) for await (const event of events) await output.value(event)
        else if (follow === true) await sayAll(output, events)
        else await list(output, events)
      })
    })
}

async function list(output: Output, events: AsyncIterable<TransferEvent>): Promise<void> {
  const rows: string[][] = []
  for await (const event of events) if (event.event === 'transfer') rows.push(row(event))
  if (rows.length === 0) output.talk('nothing is being fetched')
  else await output.data(table(HEAD, rows, ['RATE', 'LEFT']))
}

function row(transfer: Transfer): string[] {
  const { state, bytesPerSecond, providers, why } = transfer
  const from = providers.filter(isSender).map(({ name, peerId }) => name ?? peerId)
  return [
    transferName(transfer),
    state,
    doneText(transfer),
    bytesPerSecond === 0 ? '-' : `${formatBytes(bytesPerSecond)}/s`,
    leftText(transfer) ?? '-',
    from.length === 0 ? '-' : from.join(', '),
    why ?? '-'
  ]
}

/** A line for each beginning, turn and end; in between, on a terminal, the newest of what moves. */
async function sayAll(output: Output, events: AsyncIterable<TransferEvent>): Promise<void> {
  output.talk('following; Ctrl-C ends it')
  const said = new Map<string, string>()
  for await (const event of events) {
    const name = transferName(event)
    if (event.event === 'gone') {
      said.delete(event.root)
      await output.data(`${escapeLine(`${name}: ${endText(event)}`)}\n`)
      continue
    }
    const line = `${name}: ${transferText(event)}`
    const turn = `${event.state} ${event.why ?? ''}`
    if (said.get(event.root) === turn) output.live(line)
    else await output.data(`${escapeLine(line)}\n`)
    said.set(event.root, turn)
  }
}
