// The `pathmesh` command: reads its arguments, runs one command, and turns what happens into an exit status. Built on the client
// alone; the daemon's code comes in through `Io`.

import { Command, CommanderError } from 'commander'
import { ERRORS, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { addAlias } from './alias.ts'
import { addCat } from './cat.ts'
import { Context, type Enter, type GlobalFlags } from './context.ts'
import { addDown } from './down.ts'
import { addDrop } from './drop.ts'
import { addGet } from './get.ts'
import { addHistory } from './history.ts'
import { addInvite } from './invite.ts'
import type { Io } from './io.ts'
import { addLimits } from './limits.ts'
import { addLs } from './ls.ts'
import { HungUp, Output } from './output.ts'
import { addPeers } from './peers.ts'
import { addProviders } from './providers.ts'
import { addPut } from './put.ts'
import { addRun } from './run.ts'
import { addShare } from './share.ts'
import { addStat } from './stat.ts'
import { addStatus } from './status.ts'
import { addTransfers } from './transfers.ts'
import { addUnshare } from './unshare.ts'
import { addUp } from './up.ts'
import { addWatch } from './watch.ts'
import { addWhy } from './why.ts'
import { addWorks } from './works.ts'

const OK = 0
const USAGE = 2
const INTERRUPTED = 130

const ABOUT =
  "Shares files and objects between machines, peer to peer. Each machine runs a node (pathmesh up); the nodes of one mesh know each other's names, and fetch what these name from whoever has it, every byte checked."

const AFTER = `
A reference (REF) is WORK/PATH, WORK@NODE/PATH, a URL (pathmesh://work/path?version=3), or content alone (ipfs://CID/path).
What begins with a dash goes behind --.

Exit status: 0 done; 1 failed; 2 wrong usage; 3 not found; 4 no daemon answers; 5 partly done; 6 timed out, or nobody had it
in time; 7 denied; 130 interrupted.

Environment: PATHMESH_DATA (data folder), PATHMESH_SOCKET (socket).
`

const ADD = [
  addUp,
  addDown,
  addStatus,
  addInvite,
  addPeers,
  addLimits,
  addTransfers,
  addWorks,
  addRun,
  addShare,
  addPut,
  addAlias,
  addUnshare,
  addGet,
  addLs,
  addStat,
  addHistory,
  addProviders,
  addWhy,
  addWatch,
  addCat,
  addDrop
]

/** Runs the command that `argv` (without program and script) asks for. Resolves to the exit status; never rejects. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let context: Context | undefined
  let doing = 'reading the command'
  const spoken: string[] = []
  const enter: Enter = command => {
    doing = named(command)
    context = new Context(io, command.optsWithGlobals<GlobalFlags>())
    return context
  }
  try {
    await program(io, enter, text => spoken.push(text)).parseAsync(argv, { from: 'user' })
    return context?.status ?? OK
  } catch (error) {
    if (error instanceof CommanderError) return misused(error, argv, io, spoken.join(''))
    if (isHungUp(error, context)) return OK
    return failed(error, doing, context?.output ?? new Output(io, { json: argv.includes('--json') }))
  } finally {
    context?.output.close()
  }
}

/** The whole command line, as commander has it. */
export function program(io: Io, enter: Enter, complain: (text: string) => void): Command {
  const command = new Command('pathmesh')
    .description(ABOUT)
    .option('--data <dir>', 'the data folder of the node (PATHMESH_DATA)')
    .option('--socket <path>', 'its socket, when that lies elsewhere (PATHMESH_SOCKET)')
    .option('--json', 'write JSON: one object, or one a line for lists and streams')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: text => void io.stdout.write(text), writeErr: complain })
    .addHelpText('after', AFTER)
    .exitOverride()
  for (const add of ADD) add(command, enter)
  return command
}

function misused(error: CommanderError, argv: readonly string[], io: Io, spoken: string): number {
  if (error.exitCode === 0) return OK
  // Without a command commander shows the help as a complaint; with --json a failure is JSON and nothing else.
  if (!argv.includes('--json')) {
    io.stderr.write(spoken)
    return USAGE
  }
  const output = new Output(io, { json: true })
  const message =
    error.code === 'commander.help'
      ? 'a command is missing: see pathmesh --help'
      : error.message.replace(/^error: /, '')
  output.failure(new PathmeshError('INVALID_ARGUMENT', message))
  output.close()
  return USAGE
}

function isHungUp(error: unknown, context: Context | undefined): boolean {
  return error instanceof HungUp || context?.output.hungUp.reason instanceof HungUp
}

/** A command as it is typed behind `pathmesh`: `works host`. */
function named(command: Command): string {
  const above = command.parent
  return above?.parent == null ? command.name() : `${named(above)} ${command.name()}`
}

function failed(error: unknown, doing: string, output: Output): number {
  const failure = toPathmeshError(error, doing)
  output.failure(failure)
  return failure.code === 'ABORTED' ? INTERRUPTED : ERRORS[failure.code].exit
}
