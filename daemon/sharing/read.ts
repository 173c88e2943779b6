// Reading a reference without fetching more than is read: the entries of a directory, a range of a file.

import { listDirectory, resolvePath, type TreeEntry } from '../content/walk.ts'
import type { RemoteReader } from '../exchange/remote-reader.ts'
import type { Entry } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { formatRef } from '../../proto/ref.ts'
import type { Resolved } from './resolve.ts'

/** Entries of a directory, by the bytes of their names. */
export async function* entriesOf(
  { entry, ref }: Resolved,
  reader: RemoteReader,
  signal: AbortSignal
): AsyncGenerator<Entry> {
  if (entry.kind !== 'directory')
    throw new PathmeshError('INVALID_ARGUMENT', `${formatRef(ref)} is a ${entry.kind}, not a directory`)
  for (const { name, cid, tsize } of await listDirectory(entry.cid, reader)) {
    signal.throwIfAborted()
    const child = await resolvePath(cid, [], reader, { size: tsize, signal })
    if (child === undefined) throw new PathmeshError('CORRUPT', `${formatRef(ref)} lists ${name}, which is nothing`)
    const { kind, size, executable, target } = child
    yield {
      name,
      kind,
      cid: cid.toString(),
      size: kind === 'directory' ? null : size,
      executable,
      target: target ?? null
    }
  }
}

/** Bytes [start, end) of a file. RangeError past its end. */
export async function* rangeOf(
  reader: RemoteReader,
  file: TreeEntry,
  start: number,
  end: number
): AsyncGenerator<Uint8Array> {
  if (start < 0 || end > file.size || start > end)
    throw new RangeError(`a file of ${file.size} bytes has no bytes ${start} to ${end}`)
  yield* reader.read(file, start, end)
}
