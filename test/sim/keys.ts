// Stands for keys: signatures that are quick to make, and that nobody makes but with the signer of that node, because the
// secret is in here. The oracle hears of all that is signed.

import { blake3 } from '@napi-rs/blake-hash'
import { type Signer, trustedRecord, type VerifySignature } from '../../daemon/catalogue/record.ts'
import { bytesOf } from '../../daemon/frames.ts'
import { SignedRecord } from '../../proto/generated/catalogue.ts'
import type { Oracle } from './oracle.ts'

const SECRET = 'known to this file alone'
const DOMAIN_BYTES = 'pathmesh record 1\n'.length

export class Keys {
  readonly mesh = new TextEncoder().encode('the mesh of a simulation')
  readonly #oracle: Oracle

  constructor(oracle: Oracle) {
    this.#oracle = oracle
  }

  signer(peerId: string): Signer {
    return {
      peerId,
      sign: async message => {
        const signature = signatureOf(peerId, message)
        const bytes = SignedRecord.encode({ body: bytesOf(message.subarray(DOMAIN_BYTES)), signature })
        this.#oracle.signed(bytes, trustedRecord(bytes).record)
        return signature
      }
    }
  }

  readonly verify: VerifySignature = async (peerId, message, signature) =>
    Buffer.compare(signatureOf(peerId, message), signature) === 0
}

function signatureOf(peerId: string, message: Uint8Array): Uint8Array<ArrayBuffer> {
  const keyed = blake3(Buffer.concat([Buffer.from(`${SECRET}\0${peerId}\0`), message]))
  return bytesOf(Buffer.concat([keyed, keyed]))
}
