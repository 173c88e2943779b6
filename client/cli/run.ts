// `pathmesh run`: calls a Work, shows what it prints, and prints what it returns.

import { randomUUID } from 'node:crypto'
import { InvalidArgumentError, type Command } from 'commander'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import type { Mesh } from '../mesh.ts'
import type { MeshCallOptions } from '../work/call-values.ts'
import { addCommand, type Enter } from './context.ts'
import type { Output } from './output.ts'
import { parseDuration } from './units.ts'

type Pair = readonly [key: string, text: string]

interface Flags {
  readonly on?: string
  readonly arg?: readonly Pair[]
  readonly ref?: readonly Pair[]
  readonly timeout?: number
  readonly id?: string
  readonly idempotent?: boolean
}

export function addRun(program: Command, enter: Enter): void {
  addCommand(
    program,
    'run <work>',
    'Calls a Work that is hosted somewhere in the mesh (pathmesh works host), once, whatever becomes of connections on the way. Its run() gets one object of what --arg and --ref say, or nothing where neither is given. What it prints goes to standard error as it comes, what it returns to standard output, as JSON. Ctrl-C cancels the call.',
    [
      'pathmesh run train --arg epochs=3 --ref data=datasets/faces',
      'pathmesh run train --on gpu-1 --timeout 2h',
      'pathmesh run train --id nightly-2026-01-31   # again after a failure: the same call, not another one',
      'pathmesh run train --json | jq -c \'select(.event == "state").state\''
    ]
  )
    .option('--on <node>', 'the node that hosts it; without it this one, or the one where the work lives')
    .option('--arg <key=value>', 'a value: JSON, or else text; may be given again', pairs)
    .option('--ref <key=ref>', 'a Path or Payload, fixed at its version of now; may be given again', pairs)
    .option('--timeout <time>', 'cancel it after 30s, 5m, 1h… (without it: as long as it takes)', parseDuration)
    .option('--id <id>', 'of the call, 16 to 64 letters, digits, - and _: twice the same is one call, for a day')
    .option('--idempotent', 'it may run twice: call it once more where nobody knows whether it ran')
    .action(async (work: string, flags: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      const { on, id = randomUUID(), idempotent, timeout: timeoutMs } = flags
      checkKeys(flags)
      const began = performance.now()
      await context.withMesh(async (mesh, signal) => {
        const args = await argumentsOf(mesh, flags, signal)
        output.talk(`calling ${work} (id ${id}); Ctrl-C cancels it`)
        const options = { on, id, idempotent, timeoutMs, signal, ...listeners(output) }
        signal.addEventListener('abort', () => output.talk('cancelling; Ctrl-C again leaves it running'), {
          once: true
        })
        const result = await calling(output, async () => await mesh.call(work, args, options))
        const seconds = Math.round(performance.now() - began) / 1000
        const where = on === undefined ? {} : { node: on }
        if (output.json) await output.value({ event: 'done', work, ...where, id, result, seconds })
        else if (result !== null) await output.value(result)
      })
    })
}

/** Reads a `KEY=…` behind those before it. */
function pairs(text: string, earlier: readonly Pair[] = []): readonly Pair[] {
  const at = text.indexOf('=')
  if (at > 0) return [...earlier, [text.slice(0, at), text.slice(at + 1)]]
  throw new InvalidArgumentError('It is KEY=VALUE, such as epochs=3.')
}

function checkKeys({ arg = [], ref = [] }: Flags): void {
  const keys = [...arg, ...ref].map(([key]) => key)
  const twice = keys.find((key, at) => keys.indexOf(key) !== at)
  if (twice === undefined) return
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    `${JSON.stringify(twice)} is given twice: one --arg or --ref for each key`
  )
}

async function argumentsOf(mesh: Mesh, { arg = [], ref = [] }: Flags, signal: AbortSignal): Promise<unknown[]> {
  if (arg.length + ref.length === 0) return []
  const values = arg.map(([key, text]): [string, unknown] => [key, valueOf(text)])
  const references = await Promise.all(
    ref.map(async ([key, text]): Promise<[string, unknown]> => [key, await referenceTo(mesh, text, signal)])
  )
  return [Object.fromEntries([...values, ...references])]
}

function valueOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    // Everything else is the text itself, so that a word needs no quotes within quotes.
    return text
  }
}

/** A Payload where that is what was published, else a Path; the call fixes it. */
async function referenceTo(mesh: Mesh, text: string, signal: AbortSignal): Promise<unknown> {
  const path = mesh.path(text)
  return (await path.stat({ signal })).codec === null ? path : mesh.payload(path)
}

function listeners(output: Output): MeshCallOptions {
  const tell = (event: object): void => {
    if (output.json) void output.value(event)
  }
  return {
    onPhase: phase => {
      tell({ event: 'phase', phase })
      // A line of progress is of the phase before: writing nothing wipes it away.
      if (!output.json) void output.data('')
    },
    onState: state => tell({ event: 'state', state }),
    onLog: line => {
      tell({ event: 'log', ...line })
      output.talk(line.text)
    },
    onMissed: lines => {
      tell({ event: 'missed', lines })
      output.talk(`… ${lines} lines came too fast, and were not kept`)
    },
    onProgress: progress => output.progress(progress, true)
  }
}

/** What a run threw is shown with the stack of where it was thrown; its failure follows. */
async function calling(output: Output, call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call()
  } catch (error) {
    if (hasCode(error, 'WORK_FAILED') && error.cause instanceof Error) output.talk(error.cause.stack ?? '')
    throw error
  }
}
