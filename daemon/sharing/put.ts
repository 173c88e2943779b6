// Payloads of this node: an encoded value is taken in, and published under a name in one batch with the bytes behind it. Small
// ones lie in the index; larger ones are written to a file as they come, and hashed there. Knows nothing of codecs.

import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { Published } from '../catalogue/own-publications.ts'
import type { Clock } from '../clock.ts'
import { fingerprintOf } from '../content/fingerprint.ts'
import { cidOf, RAW } from '../content/multihash.ts'
import { orAborted, withDeadline } from '../deadline.ts'
import type { Stage } from '../store/kept-folder.ts'
import { safeBasename } from '../store/named.ts'
import type { Store } from '../store/store.ts'
import { Meta, type Put, type PutQuery } from '../../proto/api.ts'
import { checkEncoding, type Encoding, mediaTypeOf } from '../../proto/codec.ts'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { FLUSH_BYTES, KEPT_VERSIONS_MAX, PUT_STALL_MS, SMALL_PAYLOAD_BYTES } from '../../proto/limits.ts'
import { payloadName } from '../../proto/ref.ts'
import { type OnProgress, progressOf } from './fetch.ts'
import { type Filled, keepStage } from './keep-stage.ts'
import { pathOf, urlOf, workOf } from './names.ts'
import { type OwnParts, publish, type Saying } from './own.ts'
import type { BuildProgress } from './publish.ts'

export interface PutParts extends OwnParts {
  readonly clock: Pick<Clock, 'after'>
}

/** What a program sends: the encoded value, and how many bytes it will be, where that is known. */
export interface Sent {
  readonly bytes: AsyncIterable<Uint8Array>
  readonly size: number | undefined
}

/** A large one on its way in: what came already, and what comes. */
interface Incoming {
  readonly first: readonly Uint8Array[]
  readonly rest: AsyncIterable<Uint8Array>
  readonly size: number | undefined
}

interface Waiting {
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
}

interface PutOptions {
  readonly name: string
  readonly saying: Saying & { readonly encoding: Encoding }
}

/**
 * When it resolves, a power cut loses nothing of it. Nothing is left of one that fails, or whose sender goes away, until its
 * record is being written. From then on nothing stops it: it may be published, whatever its sender is told.
 */
export async function putPayload(
  query: PutQuery,
  sent: Sent,
  parts: PutParts,
  signal: AbortSignal,
  onProgress: OnProgress
): Promise<Put> {
  const options = optionsOf(query)
  const source = sent.bytes[Symbol.asyncIterator]()
  const pieces = inTime(source, parts, signal)
  const isSmall = sent.size !== undefined && sent.size <= SMALL_PAYLOAD_BYTES
  // One deadline for all of a small one: for each of its pieces it would cost more than they do.
  const { first, isAll } = isSmall
    ? await withDeadline(parts.clock, PUT_STALL_MS, 'waiting for a Payload', signal, until =>
        orAborted(upTo(source, SMALL_PAYLOAD_BYTES), until)
      )
    : await upTo(pieces, SMALL_PAYLOAD_BYTES)
  const [others, published] = await Promise.all([
    parts.catalogue.known(options.name),
    isAll
      ? putSmall(Buffer.concat(first), options, parts, signal)
      : putLarge({ first, rest: pieces, size: sent.size }, options, parts, { signal, onProgress })
  ])
  if (published.released.length > 0) parts.retention.wake()
  const isAlone = others.every(({ name, origin }) => name !== options.name || origin === parts.self)
  return describe(published, options, isAlone)
}

function optionsOf({ as, codec = 'bytes', mediaType = mediaTypeOf(codec), meta, keep }: PutQuery): PutOptions {
  const encoding = { codec, mediaType }
  checkEncoding(encoding)
  const count = keep === undefined ? undefined : Number(keep)
  if (count !== undefined && count > KEPT_VERSIONS_MAX)
    throw new PathmeshError('INVALID_ARGUMENT', `keep is ${count}: at most ${KEPT_VERSIONS_MAX} versions are kept`)
  return { name: payloadName(as), saying: { encoding, meta: metaOf(meta), keep: count } }
}

function metaOf(text: string | undefined): Meta | undefined {
  if (text === undefined) return undefined
  try {
    return Meta.parse(JSON.parse(text))
  } catch (cause) {
    throw new PathmeshError('INVALID_ARGUMENT', `meta is not a JSON object: ${text.slice(0, 100)}`, { cause })
  }
}

async function putSmall(
  bytes: Uint8Array,
  { name, saying }: PutOptions,
  parts: PutParts,
  signal: AbortSignal
): Promise<Published> {
  const root = cidOf(RAW, 'blake3', bytes)
  const holding = { root, kind: 'file', size: bytes.length, entries: 1, class: 'inline', path: '' } as const
  const made = {
    writes: [parts.store.inline.put(root, bytes)],
    replaces: [],
    isDouble: () => Promise.resolve(false),
    discard: () => Promise.resolve()
  }
  return published(await publish(name, saying, { holding, made, isKept: true }, parts, signal), name)
}

async function putLarge(
  incoming: Incoming,
  { name, saying }: PutOptions,
  parts: PutParts,
  { signal, onProgress }: Waiting
): Promise<Published> {
  const { store, catalogue } = parts
  await catalogue.own.admit(name, 'file')
  await store.needSpace(incoming.size ?? 0)
  const options = {
    hash: 'blake3',
    signal,
    onProgress: (progress: BuildProgress) => onProgress(progressOf(progress))
  } as const
  const basename = safeBasename(pathOf(name).split('/').at(-1) ?? '', 'payload')
  const fill = (stage: Stage): Promise<Filled> => write(stage, incoming, store, onProgress)
  const kept = await keepStage<never>(basename, fill, parts, options)
  return published(await publish(name, saying, { ...kept, isKept: true }, parts, signal), name)
}

/** Writes what came and what comes. NO_SPACE when the disk is full. */
async function write(
  { path }: Stage,
  { first, rest, size }: Incoming,
  store: Store,
  onProgress: OnProgress
): Promise<Filled> {
  let file: FileHandle | undefined
  let [written, unflushed] = [0, 0]
  const append = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length;) at += (await file?.write(bytes, at))?.bytesWritten ?? 0
    written += bytes.length
    unflushed += bytes.length
    onProgress(progressOf({ phase: 'copying', bytes: written, total: size ?? null }))
    if (unflushed < FLUSH_BYTES) return
    unflushed = 0
    await store.needSpace(FLUSH_BYTES)
    await file?.datasync()
  }
  try {
    file = await open(path, 'wx', 0o444)
    for (const bytes of first) await append(bytes)
    for await (const bytes of rest) await append(bytes)
    const fingerprint = fingerprintOf(await file.stat({ bigint: true }))
    const entry = { kind: 'file', path: '', absolute: path, fingerprint, executable: false } as const
    return {
      entries: [entry],
      placed: [{ file: entry, at: path, fingerprint, stampedAt: 0, link: undefined }],
      source: undefined
    }
  } catch (error) {
    throw toPathmeshError(error, `writing ${path}`)
  } finally {
    await file?.close()
  }
}

/** What was made for a version, and lies in no holding yet, cannot go away before it is recorded. */
function published(made: Published | undefined, name: string): Published {
  if (made !== undefined) return made
  throw new TypeError(`${name} was not published`)
}

function describe({ record, unchanged }: Published, { name, saying: { encoding } }: PutOptions, isAlone: boolean): Put {
  return {
    event: 'done',
    url: urlOf(record, isAlone),
    work: workOf(name),
    path: pathOf(name),
    cid: record.root.toString(),
    ...encoding,
    size: record.size,
    seq: record.seq,
    origin: record.origin,
    modified: record.time,
    meta: record.meta,
    unchanged
  }
}

/** Pieces as they come, each within PUT_STALL_MS. */
async function* inTime(
  source: AsyncIterator<Uint8Array>,
  { clock }: PutParts,
  signal: AbortSignal
): AsyncGenerator<Uint8Array, void, undefined> {
  while (true) {
    const next = await withDeadline(clock, PUT_STALL_MS, 'waiting for the rest of a Payload', signal, until =>
      orAborted(source.next(), until)
    )
    if (next.done === true) return
    yield next.value
  }
}

/** The first pieces of at most `max` bytes, and whether there are no others; or all those until it is passed. */
async function upTo(pieces: AsyncIterator<Uint8Array>, max: number): Promise<{ first: Uint8Array[]; isAll: boolean }> {
  const first: Uint8Array[] = []
  let bytes = 0
  while (bytes <= max) {
    const next = await pieces.next()
    if (next.done === true) return { first, isAll: true }
    first.push(next.value)
    bytes += next.value.length
  }
  return { first, isAll: false }
}
