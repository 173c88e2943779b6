// What tests of Payloads share: a mesh on a daemon of tests, and a reference.

import { Calls } from '../../client/calls.ts'
import { Mesh } from '../../client/mesh.ts'
import { Transport } from '../../client/transport.ts'
import { CID, type FakeDaemon, PEER } from './fake-daemon.ts'

/** A mesh without its first question. */
export const meshOf = (daemon: FakeDaemon): Mesh => new Mesh(new Calls(new Transport(daemon.socket)), PEER)

/** The JSON form of a Payload that is fixed. */
export const FIXED = {
  $payload: { work: 'train', origin: PEER, path: 'metrics', cid: CID, size: 3, codec: 'json', seq: 3 }
}

/** The same, of another codec. */
export const encodedBy = (codec: string) => ({ $payload: { ...FIXED.$payload, codec } })
