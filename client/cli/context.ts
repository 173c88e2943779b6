// What every command shares: its output, its connection to the daemon, its signal and its exit status.

import type { Command } from 'commander'
import { ERRORS, toPathmeshError, type PathmeshError } from '../../proto/errors.ts'
import { locate, type Locations } from '../../proto/locations.ts'
import { formatRef, parseRef } from '../../proto/ref.ts'
import { connectTo, type Mesh } from '../mesh.ts'
import type { Io } from './io.ts'
import { Output } from './output.ts'

const PARTLY = 5

export interface GlobalFlags {
  readonly data?: string
  readonly socket?: string
  readonly json?: boolean
}

export class Context {
  readonly io: Io
  readonly flags: GlobalFlags
  readonly output: Output
  /** The exit status. */
  status = 0

  constructor(io: Io, flags: GlobalFlags) {
    this.io = io
    this.flags = flags
    this.output = new Output(io, { json: flags.json === true })
  }

  /** Aborted by Ctrl-C, or when nobody reads the output. */
  signal(): AbortSignal {
    return AbortSignal.any([this.io.interrupted(), this.output.hungUp])
  }

  locations(): Locations {
    return locate(this.flags, this.io.env, this.io.cwd)
  }

  /** Runs `use` with a mesh, and closes it. */
  async withMesh(use: (mesh: Mesh, signal: AbortSignal) => Promise<void>): Promise<void> {
    const signal = this.signal()
    const mesh = await connectTo(this.locations(), { named: this.flags.data !== undefined, signal })
    try {
      await use(mesh, signal)
    } finally {
      await mesh.close()
    }
  }

  /** Does the same to each argument, past failures: status 0 when all went well, 5 when some did, else the first failure's. */
  async each(refs: readonly string[], signal: AbortSignal, act: (ref: string) => Promise<void>): Promise<void> {
    const failures: PathmeshError[] = []
    for (const ref of refs) {
      try {
        await act(ref)
      } catch (error) {
        signal.throwIfAborted()
        const failure = toPathmeshError(error, ref)
        if (refs.length === 1) throw failure
        failures.push(failure)
        this.output.failure(failure, ref)
      }
    }
    const [first] = failures
    if (first !== undefined) this.status = failures.length < refs.length ? PARTLY : ERRORS[first.code].exit
  }
}

/** Adds a command: `usage` as commander has it, one paragraph of description (its first sentence sums it up), examples. */
export function addCommand(program: Command, usage: string, description: string, examples: readonly string[]): Command {
  const command = program
    .command(usage)
    .summary(description.slice(0, description.indexOf('. ')))
    .description(description)
    .showHelpAfterError('(see pathmesh help for all commands)')
  return command.addHelpText('after', `\nExamples:\n${examples.map(example => `  ${example}\n`).join('')}`)
}

/** Makes the context of a command that runs. */
export type Enter = (command: Command) => Context

/** For a flag that may be given several times. */
export function repeated(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value]
}

/** The reference a user typed, with the `--version` beside it, as a canonical URL. */
export function refText(text: string, version: string | undefined): string {
  return formatRef(parseRef(text, { version }))
}
