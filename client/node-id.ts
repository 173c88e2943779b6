// Which node a reference means by its name. Refuses a name that nobody has, or more than one.

import { PathmeshError } from '../proto/errors.ts'
import type { CallOptions, Calls } from './calls.ts'

const PEER_ID = /^k[0-9a-z]{50,}$/

/** PeerId of a node that a reference names by that or by its human name. */
export async function peerIdOf(calls: Calls, node: string, options: CallOptions): Promise<string> {
  if (PEER_ID.test(node)) return node
  const { peerId, name } = await calls.status(options)
  const found = name === node ? [peerId] : []
  for await (const peer of calls.peers(options)) if (peer.name === node) found.push(peer.peerId)
  const [only, ...others] = found
  if (only === undefined)
    throw new PathmeshError(
      'NOT_FOUND',
      `no node is called ${JSON.stringify(node)}: see pathmesh peers, or use its PeerId`
    )
  if (others.length === 0) return only
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    `${found.length} nodes are called ${JSON.stringify(node)}: use the PeerId of one of them, ${found.join(' or ')}`
  )
}
