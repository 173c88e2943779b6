// `pathmesh up`: runs the daemon, in this process or, with --detach, in one of its own.

import type { Readable } from 'node:stream'
import type { Command } from 'commander'
import { PathmeshError } from '../../proto/errors.ts'
import { INVITE_CHARS_MAX } from '../../proto/limits.ts'
import type { Ready, UpFlags } from '../../proto/up.ts'
import { addCommand, repeated, type Context, type Enter } from './context.ts'
import { detach } from './detach.ts'
import { escapeLine } from './escape.ts'
import { rateOf } from './limits.ts'
import { parsePort } from './units.ts'

interface Flags {
  readonly listen?: readonly string[]
  readonly join?: string
  readonly name?: string
  readonly mdns: boolean
  readonly uploadLimit?: number
  readonly downloadLimit?: number
  readonly lanePort?: number
  readonly lanes: boolean
  readonly verbose?: boolean
  readonly detach?: boolean
}

export function addUp(program: Command, enter: Enter): void {
  addCommand(
    program,
    'up',
    "Runs this machine's node until it is stopped (Ctrl-C, or pathmesh down). The first start makes a new mesh, or joins the one of an invite. With --detach it runs in the background, logs to daemon.log in its data folder, and the command returns once it is ready; when it runs already, nothing changes.",
    [
      'pathmesh up --detach                         # on the first machine',
      'pathmesh up --detach --join INVITE           # on the others, with what pathmesh invite printed',
      'ssh gpu-1 pathmesh invite | pathmesh up --detach --join -',
      'pathmesh up --listen /ip4/0.0.0.0/tcp/4001 --name gpu-1',
      'pathmesh up --detach --upload-limit 20MiB/s   # pathmesh limits changes it while it runs'
    ]
  )
    .option('--listen <multiaddr>', 'listen here instead of port 4747 of every interface; may be given again', repeated)
    .option('--join <invite>', 'join the mesh of this invite; - reads it from standard input')
    .option('--name <node>', "this node's name; by default the host's")
    .option('--no-mdns', 'do not announce this node on the local network, nor look for others there')
    .option('--upload-limit <rate>', 'send at most so much content: 20MiB/s, 500kB/s, none', rateOf('--upload-limit'))
    .option('--download-limit <rate>', 'fetch at most so much content', rateOf('--download-limit'))
    .option(
      '--lane-port <port>',
      'where connections for bulk bytes are accepted (4748, or another that is free)',
      parsePort
    )
    .option('--no-lanes', 'send and fetch everything over one connection per node')
    .option('--verbose', 'log more')
    .option('--detach', 'run in the background')
    .action(async (flags: Flags, command: Command) => {
      const context = enter(command)
      const up = await upFlags(context, flags)
      if (flags.detach !== true) {
        context.status = await context.io.runDaemon(up, ready => void announce(context, ready))
        return
      }
      const { ready, already } = await detach(context, up)
      if (already) context.output.talk('already running')
      await announce(context, ready)
    })
}

async function upFlags(context: Context, flags: Flags): Promise<UpFlags> {
  const { data, socket } = context.locations()
  const join = flags.join === '-' ? await readInvite(context.io.stdin) : flags.join?.trim()
  return {
    data,
    socket,
    ...(flags.listen === undefined ? {} : { listen: flags.listen }),
    ...(join === undefined ? {} : { join }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.mdns ? {} : { mdns: false }),
    ...(flags.uploadLimit === undefined ? {} : { uploadLimit: flags.uploadLimit }),
    ...(flags.downloadLimit === undefined ? {} : { downloadLimit: flags.downloadLimit }),
    ...(flags.lanePort === undefined ? {} : { lanePort: flags.lanePort }),
    ...(flags.lanes ? {} : { lanes: false }),
    ...(flags.verbose === undefined ? {} : { verbose: flags.verbose })
  }
}

async function readInvite(stdin: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stdin) {
    text += String(chunk)
    if (text.length > 2 * INVITE_CHARS_MAX) break
  }
  const invite = text.trim()
  if (invite === '') throw new PathmeshError('INVALID_ARGUMENT', '--join - found no invite on standard input')
  if (invite.length > INVITE_CHARS_MAX || /\s/.test(invite)) {
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      'what --join - found on standard input is not an invite: one word, as pathmesh invite prints it'
    )
  }
  return invite
}

async function announce({ output }: Context, ready: Ready): Promise<void> {
  if (output.json) return await output.value(ready)
  output.talk(`node ${ready.name} (${ready.peerId}) in mesh ${ready.meshId}`)
  output.talk(ready.addresses.length === 0 ? 'listening nowhere' : `listening on ${ready.addresses.join(' ')}`)
  if (ready.created) {
    output.talk(
      'this made a new mesh. To add another machine: run `pathmesh invite` here, then there `pathmesh up --detach --join INVITE`'
    )
    output.talk(
      'to join another mesh instead: stop this node, and start one on a new data folder: `pathmesh up --data DIR --join INVITE`'
    )
  }
  await output.data(`ready ${escapeLine(ready.name)} ${ready.peerId} ${escapeLine(ready.socket)}\n`)
}
