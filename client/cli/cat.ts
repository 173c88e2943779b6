// `pathmesh cat`: bytes of a file on stdout, as they are; or the value of a Payload, as JSON.

import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { Option, type Command } from 'commander'
import { hasCode, PathmeshError } from '../../proto/errors.ts'
import { ARROW_MEDIA_TYPE } from '../codecs/arrow.ts'
import type { Mesh } from '../mesh.ts'
import type { Payload } from '../payload.ts'
import { addCommand, refText, type Enter } from './context.ts'
import { decodedJson } from './decoded-json.ts'
import { KNOWN_CODECS, parseKnownCodec } from './known-codecs.ts'
import type { Output } from './output.ts'
import { parseByteRange, type ByteRange } from './units.ts'

interface Flags {
  readonly version?: string
  readonly range?: ByteRange
  readonly decode?: boolean
  readonly codec?: string
}

export function addCat(program: Command, enter: Enter): void {
  addCommand(
    program,
    'cat <ref>',
    'Writes the bytes of a file or Payload to standard output, verified, fetching no more than is read; with --decode the value of a Payload, as one line of JSON: the rows of a table as objects, bytes as {"$bytes":"<base64>"}. --json changes nothing but the form of errors.',
    [
      'pathmesh cat train/log.txt | tail',
      'pathmesh cat train/model.bin --range 0-1023 | xxd',
      'pathmesh cat train/metrics --decode | jq .loss',
      'pathmesh cat datasets/faces.arrow --decode --codec arrow   # of a file that was shared'
    ]
  )
    .option('--version <version>', 'a version: its number, or the CID of its root')
    .option('--range <range>', 'bytes A-B (both included), or A- for all from A', parseByteRange)
    .addOption(new Option('--decode', 'write the value of a Payload, as JSON').conflicts('range'))
    .option('--codec <codec>', `with --decode: what decodes it, whatever it says: ${KNOWN_CODECS}`, parseKnownCodec)
    .action(async (text: string, flags: Flags, command: Command) => {
      const { range, decode, codec } = flags
      if (codec !== undefined && decode !== true) command.error('error: --codec goes with --decode only')
      const context = enter(command)
      const ref = refText(text, flags.version)
      await context.withMesh(async (mesh, signal) => {
        if (decode === true) return await writeValue(context.output, mesh, ref, { codec, signal })
        const bytes = mesh.path(ref).createReadStream({ ...range, signal })
        await pipeline(bytes, context.output.stdout, { end: false, signal })
      })
    })
}

interface DecodeOptions {
  readonly codec: string | undefined
  readonly signal: AbortSignal
}

async function writeValue(output: Output, mesh: Mesh, ref: string, { codec, signal }: DecodeOptions): Promise<void> {
  const payload = mesh.payload(ref, { codec })
  await payload.fetch({ signal, onProgress: progress => output.progress(progress, false) })
  if (codec === undefined && payload.codec === undefined)
    throw new PathmeshError(
      'CODEC_NOT_FOUND',
      `${ref} was shared as a file, which says nothing of a codec: say it with --codec, or leave out --decode for its bytes`
    )
  for (const piece of decodedJson(codec === undefined ? await valueOf(payload, signal) : payload.value)) {
    // Writing to a pipe takes no turn of the event loop, and making the text none either: without one Ctrl-C is not heard.
    await turn(undefined, { signal })
    await output.data(piece)
  }
  await output.data('\n')
}

/** A table is read by whichever library is installed, Arrow's first, so that it looks the same whoever put it. */
async function valueOf(payload: Payload, signal: AbortSignal): Promise<unknown> {
  if (payload.fetched?.mediaType !== ARROW_MEDIA_TYPE) return payload.value
  try {
    return await payload.get({ as: 'arrow', signal })
  } catch (error) {
    if (!hasCode(error, 'CODEC_NOT_FOUND')) throw error
    try {
      return await payload.get({ as: 'polars', signal })
    } catch {
      throw error
    }
  }
}
