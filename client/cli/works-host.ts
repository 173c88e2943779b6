// `pathmesh works host`: runs the calls of a Work of this machine, until Ctrl-C.

import { resolve } from 'node:path'
import type { Command } from 'commander'
import { toPathmeshError } from '../../proto/errors.ts'
import { orAborted } from '../or-aborted.ts'
import type { HostEvent } from '../work/host.ts'
import { addCommand, type Enter } from './context.ts'
import { escapeLine } from './escape.ts'
import { nodeNames } from './node-names.ts'
import type { Output } from './output.ts'

/** Digits of a hash that people compare. */
const HASH_DIGITS = 12

interface Flags {
  readonly as: string
  readonly export?: string
  readonly takeOver?: boolean
}

export function addWorksHost(works: Command, enter: Enter): void {
  addCommand(
    works,
    'host <module>',
    'Hosts the Work of a module: every node of the mesh may call it, and each call runs here, in a process of its own, one after another. Stays until Ctrl-C, which ends a call that runs; what that has is published first. What the Work prints goes to standard error.',
    [
      'pathmesh works host ./train.js --as train',
      'pathmesh works host ./works.js --as etl --export Etl',
      'pathmesh works host ./train.js --as train --take-over   # although it lives on another node'
    ]
  )
    .requiredOption('--as <work>', 'the name that it is called by, and publishes under')
    .option('--export <class>', 'the export that is the Work, where there are several')
    .option('--take-over', 'move the work here although its home, another node, is connected')
    .action(async (text: string, flags: Flags, command: Command) => {
      const context = enter(command)
      const { io, output } = context
      const module = text.startsWith('file:') ? text : resolve(io.cwd, text)
      const { as, export: name, takeOver } = flags
      await context.withMesh(async (mesh, signal) => {
        const names = await nodeNames(mesh, signal)
        const hosted = await mesh.host({
          module,
          as,
          ...(name === undefined ? {} : { name }),
          ...(takeOver === undefined ? {} : { takeOver }),
          signal,
          onEvent: event => say(output, as, event)
        })
        try {
          const { work, node, folder, hash } = hosted
          if (output.json) await output.value({ event: 'hosting', work, node, folder, module, hash })
          else {
            const line = `hosting ${work} on ${names.short(node)}: ${module} (hash ${hash.slice(0, HASH_DIGITS)}); call it with: pathmesh run ${work}`
            await output.data(`${escapeLine(line)}\n`)
          }
          await orAborted(hosted.closed, signal)
        } finally {
          // After Ctrl-C, too: its process publishes what it has.
          await hosted.stop()
        }
      })
    })
}

function say(output: Output, work: string, event: HostEvent): void {
  if (output.json) {
    const error = 'error' in event && event.error !== undefined ? toPathmeshError(event.error, work) : undefined
    void output.value(error === undefined ? event : { ...event, error: error.toProblem() })
    return
  }
  switch (event.event) {
    case 'call':
      return line(output, `call ${event.id}`)
    case 'log':
      return output.talk(`${work}| ${event.text}`)
    case 'done':
      if (event.error === undefined) return line(output, `${event.ok ? 'done' : 'failed'} ${event.id}`)
      return line(output, `failed ${event.id}: ${event.error.message} [${event.error.code}]`)
    case 'reconnecting':
      return output.talk(`reconnecting: ${toPathmeshError(event.error, work).message}`)
  }
}

function line(output: Output, text: string): void {
  void output.data(`${escapeLine(text)}\n`)
}
