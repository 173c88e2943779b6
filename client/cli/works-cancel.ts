// `pathmesh works cancel`: ends a call of a Work, whoever of this node began it.

import type { Command } from 'commander'
import { Calls } from '../calls.ts'
import { Transport } from '../transport.ts'
import { addCommand, type Enter } from './context.ts'

interface Flags {
  readonly on?: string
}

export function addWorksCancel(works: Command, enter: Enter): void {
  addCommand(
    works,
    'cancel <id>',
    'Cancels a call that was begun on this node, by its id. The Work has a few seconds to end by itself; whoever waits for the call is told that it was cancelled.',
    [
      'pathmesh works cancel 0b6f1a5e-6d1c-4e8a-9d53-1f6c0a5e2b7d --on gpu-1',
      'pathmesh works cancel $(pathmesh works --json | jq -r \'select(.work == "train").hosting.call // empty\')'
    ]
  )
    .option('--on <node>', 'the node where it runs; without it the one that says so, or this one')
    .action(async (id: string, flags: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      const signal = context.signal()
      const { socket, data } = context.locations()
      const startHint = `pathmesh up --detach${context.flags.data === undefined ? '' : ` --data ${data}`}`
      const calls = new Calls(new Transport(socket, { startHint }))
      try {
        const node = flags.on ?? (await nodeOf(calls, id, signal))
        await calls.cancelCall({ id, ...(node === undefined ? {} : { node }) }, { signal })
        if (output.json) await output.value({ id, cancelled: true })
        else output.talk(`cancelled ${id}`)
      } finally {
        calls.close()
      }
    })
}

/** The node that says that it runs this call. */
async function nodeOf(calls: Calls, id: string, signal: AbortSignal): Promise<string | undefined> {
  for await (const { hosting, origin } of calls.works({ signal })) if (hosting?.call === id) return origin
  return undefined
}
