// `pathmesh put`: publishes what comes on stdin as a Payload, as it is: encoded already. Refuses what its codec does not decode.

import { addAbortSignal, type Readable } from 'node:stream'
import type { Command } from 'commander'
import type { Meta } from '../../proto/api.ts'
import { checkEncoding, type Encoding } from '../../proto/codec.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { formatRef, payloadName } from '../../proto/ref.ts'
import { checkArrowFile } from '../codecs/arrow-check.ts'
import { ARROW_MEDIA_TYPE } from '../codecs/arrow.ts'
import { bytesCodec } from '../codecs/bytes.ts'
import type { Codec, Pieces } from '../codecs/codec.ts'
import { encodedAs } from '../codecs/encoded-as.ts'
import { memorySource } from '../codecs/source.ts'
import type { Payload } from '../payload.ts'
import { behind } from '../pieces.ts'
import { addCommand, type Enter } from './context.ts'
import { knownCodec, KNOWN_CODECS } from './known-codecs.ts'
import type { Output } from './output.ts'
import { formatBytes, parseKeep, parseMeta } from './units.ts'

/** Bytes up to which the input is decoded before it is published: it has to be in memory for that. */
const CHECKED_BYTES = 64 * 2 ** 20

interface Flags {
  readonly codec: string
  readonly mediaType?: string
  readonly meta?: Meta
  readonly keep?: number
}

export function addPut(program: Command, enter: Enter): void {
  addCommand(
    program,
    'put <name>',
    'Publishes standard input as a Payload, under WORK/NAME: an object that programs get decoded, by its codec. What comes in is encoded already; up to 64 MiB of it are decoded once before they are published, and refused if that fails. More than that, bytes, and what the command has no codec for go out as they come.',
    [
      'echo \'{"loss":0.25}\' | pathmesh put train/metrics --codec json',
      'pathmesh put train/rows --codec arrow < rows.arrow',
      'tar c src | pathmesh put ci/src',
      'pathmesh put scans/7 --codec acme/scan --media-type application/x-scan < 7.scan'
    ]
  )
    .option('--codec <codec>', `how it is encoded: ${KNOWN_CODECS}, or a name of your own`, bytesCodec.id)
    .option('--media-type <type>', 'what the bytes are; needed for a codec of your own')
    .option('--meta <json>', 'a JSON object that goes with this version', parseMeta)
    .option('--keep <n>', 'versions to keep, this one included (2)', parseKeep)
    .action(async (text: string, flags: Flags, command: Command) => {
      const { meta, keep } = flags
      const context = enter(command)
      const { io, output } = context
      const name = payloadName(text)
      const encoding = encodingOf(flags)
      const onProgress = (progress: Parameters<Output['progress']>[0]): void => output.progress(progress, false)
      try {
        await context.withMesh(async (mesh, signal) => {
          if (isTerminal(io.stdin)) output.talk('reading from the terminal; Ctrl-D ends it')
          const pieces = await inputOf(bytesOf(io.stdin, signal), encoding.codec, output)
          const codec = encodedAs(encoding.codec, encoding.mediaType)
          await say(output, await mesh.put(name, pieces, { codec, meta, keep, signal, onProgress }), encoding)
        })
      } finally {
        io.stdin.destroy()
      }
    })
}

function encodingOf({ codec, mediaType = knownCodec(codec)?.mediaType }: Flags): Encoding {
  if (mediaType === undefined)
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(codec)} is no codec of pathmesh, which are ${KNOWN_CODECS}: for one of your own say what the bytes are with --media-type`
    )
  checkEncoding({ codec, mediaType })
  return { codec, mediaType }
}

/** What is to be sent; where there is a codec for it, what that has decoded. */
async function inputOf(pieces: AsyncGenerator<Uint8Array>, id: string, output: Output): Promise<Pieces> {
  const codec = knownCodec(id)
  if (codec === undefined || codec === bytesCodec) return pieces
  const first: Uint8Array[] = []
  for (let bytes = 0; bytes <= CHECKED_BYTES;) {
    const next = await pieces.next()
    if (next.done === true) {
      const all = Buffer.concat(first)
      await check(codec, all)
      return all
    }
    first.push(next.value)
    bytes += next.value.length
  }
  output.talk(
    `this is more than ${formatBytes(CHECKED_BYTES)}: it is published as it comes, whether or not it is ${id}`
  )
  return behind(first, pieces)
}

/** Throws as its codec does. Of a table only its form is looked at: whoever puts one needs no library for tables. */
async function check(codec: Codec, bytes: Uint8Array): Promise<void> {
  const source = memorySource(bytes)
  try {
    if (codec.mediaType === ARROW_MEDIA_TYPE) checkArrowFile(source.bytes())
    else await codec.decode(source)
  } finally {
    source.close()
  }
}

async function* bytesOf(stdin: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of addAbortSignal(signal, stdin))
    yield piece instanceof Uint8Array ? piece : Buffer.from(String(piece))
}

async function say(output: Output, payload: Payload<Pieces>, { codec, mediaType }: Encoding): Promise<void> {
  const { work = '', path, cid = '', size = 0 } = payload
  const url = formatRef({ type: 'name', work, path, directory: false })
  const { seq } = payload.toJSON().$payload
  if (output.json) return await output.value({ url, cid, codec, mediaType, size, seq })
  output.talk(`put: ${codec}, ${formatBytes(size)}, version ${seq}`)
  output.talk(`content: ipfs://${cid}`)
  await output.data(`${url}\n`)
}

function isTerminal(stdin: Readable): boolean {
  return 'isTTY' in stdin && stdin.isTTY === true
}
