// `pathmesh limits`: how fast the local node may send and fetch, shown and changed while it runs.

import { InvalidArgumentError, type Command } from 'commander'
import { PathmeshError } from '../../proto/errors.ts'
import { NO_RATE, parseRate } from '../../proto/rate.ts'
import { addCommand, type Enter } from './context.ts'
import { factList } from './table.ts'
import { formatBytes } from './units.ts'

interface Flags {
  readonly upload?: number
  readonly download?: number
}

export function addLimits(program: Command, enter: Enter): void {
  addCommand(
    program,
    'limits',
    'Shows how fast this node may send and fetch content, in bytes a second, and changes it at once, also for what is under way. A change holds until the daemon ends: up --upload-limit, PATHMESH_UPLOAD_LIMIT or config.json say it for every start.',
    [
      'pathmesh limits',
      'pathmesh limits --upload 20MiB/s --download none',
      'pathmesh limits --json      # {"upload":20971520,"download":0}; 0 is no limit'
    ]
  )
    .option(
      '--upload <rate>',
      'send at most so much to all other nodes together: 20MiB/s, 500kB/s, none',
      rateOf('--upload')
    )
    .option('--download <rate>', 'fetch at most so much from all of them together', rateOf('--download'))
    .action(async (flags: Flags, command: Command) => {
      const context = enter(command)
      const { output } = context
      const isChange = flags.upload !== undefined || flags.download !== undefined
      await context.withMesh(async (mesh, signal) => {
        const { upload, download } = flags
        const change = { ...(upload === undefined ? {} : { upload }), ...(download === undefined ? {} : { download }) }
        const limits = isChange ? await mesh.setLimits(change, { signal }) : await mesh.limits({ signal })
        if (output.json) return await output.value(limits)
        if (isChange) output.talk('this holds until the daemon ends: see pathmesh up --help for every start')
        await output.data(
          factList([
            ['upload', rateText(limits.upload)],
            ['download', rateText(limits.download)]
          ])
        )
      })
    })
}

/** 0 is `none`. */
function rateText(perSecond: number): string {
  return perSecond === 0 ? NO_RATE : `${formatBytes(perSecond)}/s`
}

/** Reads the rate of a flag, as commander has its values. */
export function rateOf(flag: string): (text: string) => number {
  return text => {
    try {
      return parseRate(text, flag)
    } catch (error) {
      if (!(error instanceof PathmeshError)) throw error
      throw new InvalidArgumentError(error.message.slice(flag.length + 2))
    }
  }
}
