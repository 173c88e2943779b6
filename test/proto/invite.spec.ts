// Invites: encoding and decoding are inverses, and damage is told.

import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { hasCode } from '../../proto/errors.ts'
import { decodeInvite, encodeInvite } from '../../proto/invite.ts'
import type { Invite } from '../../proto/invite.ts'
import { INVITE_CHARS_MAX, PEER_ADDRESSES_MAX } from '../../proto/limits.ts'

describe('invite', () => {
  const base32 = fc.string({
    unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567'.split('')),
    minLength: 52,
    maxLength: 52
  })
  const base36 = fc.string({
    unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789'.split('')),
    minLength: 61,
    maxLength: 61
  })
  const address = fc.tuple(fc.ipV4(), fc.nat(65_535)).map(([ip, port]) => `/ip4/${ip}/tcp/${port}`)
  const invites: fc.Arbitrary<Invite> = fc.record({
    meshId: base32.map(text => `b${text}`),
    secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    peerId: base36.map(text => `k${text}`),
    addresses: fc.array(address, { maxLength: PEER_ADDRESSES_MAX }),
    expires: fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER }))
  })
  const refused = (error: unknown) => hasCode(error, 'INVALID_ARGUMENT')

  it('decode is the inverse of encode, space around it or not', () => {
    fc.assert(
      fc.property(invites, invite => {
        const text = encodeInvite(invite)
        assert.match(text, /^[A-Za-z0-9_-]+$/)
        assert.deepEqual(plain(decodeInvite(text)), plain(invite))
        assert.deepEqual(plain(decodeInvite(` \n${text}\n`)), plain(invite))
      })
    )
  })

  it('a changed, missing or added character is refused', () => {
    fc.assert(
      fc.property(invites, fc.nat(), fc.constantFrom('', 'A', 'B', '9', '-', ' ', 'é', '=='), (invite, at, with_) => {
        const text = encodeInvite(invite)
        const i = at % text.length
        const changed = text.slice(0, i) + with_ + text.slice(i + 1)
        if (changed.trim() !== text) assert.throws(() => decodeInvite(changed), refused)
        const added = text.slice(0, i) + with_ + text.slice(i)
        if (added.trim() !== text) assert.throws(() => decodeInvite(added), refused)
        assert.throws(() => decodeInvite(text.slice(0, i)), refused)
      })
    )
  })

  it('any other text is refused, and never shown in the message', () => {
    for (const text of [
      '',
      'pathmesh-invite-1-',
      'pathmesh-invite-2-AAAA',
      'hello',
      'x'.repeat(INVITE_CHARS_MAX * 3)
    ]) {
      assert.throws(() => decodeInvite(text), refused)
    }
    const secretly = `pathmesh-invite-1-${'TOPSECRET'.repeat(20)}`
    assert.throws(
      () => decodeInvite(secretly),
      error => refused(error) && !String(error).includes('TOPSECRET')
    )
  })

  it('what could not be decoded is not encoded', () => {
    const [invite] = fc.sample(invites, 1)
    assert(invite !== undefined)
    const tooMany = Array.from({ length: PEER_ADDRESSES_MAX + 1 }, (_, i) => `/ip4/10.0.0.1/tcp/${i}`)
    const wrong: Partial<Invite>[] = [
      { meshId: 'b' },
      { secret: new Uint8Array(31) },
      { peerId: '' },
      { addresses: tooMany },
      { addresses: ['10.0.0.1'] },
      { expires: -1 }
    ]
    for (const change of wrong) assert.throws(() => encodeInvite({ ...invite, ...change }), RangeError)
    encodeInvite({ ...invite, addresses: tooMany.slice(1) })
  })

  function plain(invite: Invite): Invite {
    return { ...invite, secret: Uint8Array.from(invite.secret), addresses: [...invite.addresses] }
  }
})
