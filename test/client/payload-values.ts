// What tests of Payloads share: a mesh on a daemon of tests, and JSON forms.

import { Calls } from '../../client/calls.ts'
import { Mesh } from '../../client/mesh.ts'
import { Transport } from '../../client/transport.ts'
import { memorySource } from '../../client/codecs/source.ts'
import type { Codec } from '../../client/codecs/codec.ts'
import { CID, PEER, type FakeDaemon } from './fake-daemon.ts'

/** A mesh without its first question. */
export const meshOf = (daemon: FakeDaemon): Mesh => new Mesh(new Calls(new Transport(daemon.socket)), PEER)

/** The JSON form of a Payload that is fixed. */
export const FIXED = {
  $payload: { work: 'train', origin: PEER, path: 'metrics', cid: CID, size: 3, codec: 'json', seq: 3 }
}

/** A codec of numbers as text, under an id of its own, that counts what it decodes. */
export function numbers(id: string): Codec<number> & { decoded: number } {
  const codec = {
    id,
    mediaType: 'application/octet-stream',
    decoded: 0,
    matches: (_: unknown): _ is number => false,
    encode: (value: number) => Buffer.from(String(value)),
    decode: (source: ReturnType<typeof memorySource>) => {
      codec.decoded++
      return Number(Buffer.from(source.bytes()).toString())
    }
  }
  return codec
}
