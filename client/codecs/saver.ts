// A codec made of two methods that write and read a file: the shortest way to one, for values whose library knows files only.

import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PathmeshError } from '../../proto/errors.ts'
import type { Codec } from './codec.ts'

const READ_BYTES = 2 ** 20

export interface Saver<T> {
  /** Writes `value` to a new file at the absolute path. */
  save?(value: T, path: string): void | Promise<void>
  /** What `save` wrote; the file is gone afterwards. */
  load?(path: string): T | Promise<T>
}

/** It matches no value by itself: whoever has the saver names it. */
export function saverCodec<T>(saver: Saver<T>, { id, mediaType }: Pick<Codec, 'id' | 'mediaType'>): Codec<T> {
  const lacks = (method: string) => new PathmeshError('CODEC_NOT_FOUND', `${id} has no ${method}()`)
  return {
    id,
    mediaType,
    // oxlint-disable-next-line no-unused-vars -- whoever has the saver names it: no value does
    matches: (_): _ is T => false,
    encode: value => {
      if (saver.save === undefined) throw lacks('save')
      return saved(path => saver.save?.(value, path))
    },
    decode: source => {
      if (saver.load === undefined) throw lacks('load')
      return saver.load(source.path())
    }
  }
}

async function* saved(save: (path: string) => void | Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'pathmesh-payload-'))
  try {
    const path = join(folder, 'payload')
    await save(path)
    for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES }))
      if (piece instanceof Uint8Array) yield piece
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
