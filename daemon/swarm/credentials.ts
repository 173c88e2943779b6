// The exchange of credentials, inside the encrypted channel and before any muxer:
//   initiator: Credentials ->   <- Verdict, Credentials   Verdict ->
// so that each side knows the other's answer before it takes the connection for open. Every message is bounded.

import type { AbortOptions, MessageStream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import type { LengthPrefixedStream } from '@libp2p/utils'
import { PathmeshError } from '../../proto/errors.ts'
import { Credentials, Verdict } from '../../proto/generated/membership.ts'
import { CREDENTIALS_BYTES_MAX } from '../../proto/limits.ts'
import type { Admission } from './admission.ts'

export const CREDENTIALS_VERSION = 1
const NOT_A_MEMBER = 1
const OTHER_VERSION = 2

type Channel = LengthPrefixedStream

interface Exchange extends AbortOptions {
  readonly remotePeer: string
  readonly admission: Admission
}

/** Throws NOT_A_MEMBER or INCOMPATIBLE when either side refuses. The stream goes on where the exchange ended. */
export async function exchangeAsInitiator(stream: MessageStream, exchange: Exchange): Promise<void> {
  const channel = lpStream(stream, { maxDataLength: CREDENTIALS_BYTES_MAX })
  await channel.write(ownCredentials(exchange), exchange)
  const theirs = Verdict.decode(await channel.read(exchange))
  if (theirs.refusal !== 0) throw refused(exchange.remotePeer, theirs, 'this node')
  const refusal = await judge(channel, exchange)
  await sendVerdict(channel, refusal, exchange)
  if (refusal !== 0) throw refused(exchange.remotePeer, { refusal, version: CREDENTIALS_VERSION }, 'the peer')
  channel.unwrap()
}

export async function exchangeAsResponder(stream: MessageStream, exchange: Exchange): Promise<void> {
  const channel = lpStream(stream, { maxDataLength: CREDENTIALS_BYTES_MAX })
  const refusal = await judge(channel, exchange)
  await sendVerdict(channel, refusal, exchange)
  if (refusal !== 0) throw refused(exchange.remotePeer, { refusal, version: CREDENTIALS_VERSION }, 'the peer')
  await channel.write(ownCredentials(exchange), exchange)
  const theirs = Verdict.decode(await channel.read(exchange))
  if (theirs.refusal !== 0) throw refused(exchange.remotePeer, theirs, 'this node')
  channel.unwrap()
}

async function judge(channel: Channel, exchange: Exchange): Promise<number> {
  const { version, certificate } = Credentials.decode(await channel.read(exchange))
  if (version !== CREDENTIALS_VERSION) return OTHER_VERSION
  return (await exchange.admission.accept(exchange.remotePeer, certificate)) ? 0 : NOT_A_MEMBER
}

function ownCredentials({ admission, remotePeer }: Exchange): Uint8Array {
  const certificate = new Uint8Array(admission.credentials(remotePeer))
  return Credentials.encode({ version: CREDENTIALS_VERSION, certificate })
}

async function sendVerdict(channel: Channel, refusal: number, options: AbortOptions): Promise<void> {
  await channel.write(Verdict.encode({ refusal, version: CREDENTIALS_VERSION }), options)
}

function refused(peer: string, { refusal, version }: Verdict, whom: string): PathmeshError {
  if (refusal === OTHER_VERSION) {
    const message = `${peer} and this node speak different versions (its ${version}, ours ${CREDENTIALS_VERSION}): upgrade the older one`
    return new PathmeshError('INCOMPATIBLE', message)
  }
  const who = whom === 'the peer' ? `${peer} is not a member of this mesh` : `${peer} refuses this node as a member`
  return new PathmeshError('NOT_A_MEMBER', `${who}: ask for a new invite`)
}
