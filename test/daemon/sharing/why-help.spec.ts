// The sentence that says what would help: for each state of things the one that is true.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { helpPeer, helpReference, type Relation } from '../../../daemon/sharing/why-help.ts'
import { endedFacts, transferFacts } from '../../../daemon/sharing/transfer-facts.ts'
import type { EndedTransfer, Transfer } from '../../../proto/node-api.ts'
import type { WhyPeer, WhyProvider, WhyReference } from '../../../proto/why-api.ts'
import { sessionStatus } from '../../helpers/session-status.ts'

type Reference = Omit<WhyReference, 'help'>
type Peer = Omit<WhyPeer, 'help'>

const said = (code: string) => ({ code, message: 'so it said' })
const node = (name: string, more: Partial<WhyProvider> = {}): WhyProvider => ({
  peerId: name,
  name,
  connected: true,
  via: 'lane',
  whyStream: null,
  bannedUntil: null,
  holds: 'nothing',
  heldBytes: 0,
  said: null,
  transfer: null,
  ...more
})
const ORIGIN = 'gpu-1'
const reference: Reference = {
  about: 'reference',
  ref: 'pathmesh://train/run',
  failure: null,
  version: { name: 'train/run', origin: ORIGIN, originName: ORIGIN, seq: 1, newest: 1, published: 1 },
  cid: 'cid',
  root: 'cid',
  kind: 'file',
  size: 9,
  here: { complete: false, bytes: 0 },
  transfer: null,
  failed: null,
  providers: []
}
const failed = (code: string, from = ORIGIN, word = code): EndedTransfer =>
  endedFacts(
    {
      root: 'cid',
      name: null,
      at: 1,
      error: said(code),
      status: sessionStatus({
        state: 'failed',
        providers: [{ peerId: from, bytes: 0, bytesPerSecond: 0, via: 'lane', state: 'left', said: said(word) }]
      })
    },
    peer => peer
  )
const transfer = (more = {}): Transfer =>
  transferFacts({ root: 'tree', name: 'train/run', status: sessionStatus({ etaSeconds: 1.5, ...more }) }, peer => peer)

describe('what helps', () => {
  const references: [string, Partial<Reference>, RegExp, Relation?][] = [
    ['a running transfer of it', { transfer: transfer() }, /^Nothing has to: it is on its way, 2 s more/],
    [
      'a running transfer of what it lies in',
      { transfer: transfer() },
      /^Nothing has to: it is part of train\/run, which is being fetched, 2 s more/,
      'whole'
    ],
    [
      'a transfer of what it lies in, which waits',
      { transfer: transfer({ state: 'waiting', why: 'held back' }), providers: [node(ORIGIN, { holds: 'all' })] },
      /^It is part of train\/run, which waits: held back\. It goes on by itself\.$/,
      'whole'
    ],
    [
      'a transfer that waits for a node that has it',
      { transfer: transfer({ state: 'waiting' }), providers: [node('b')] },
      /^It waits\. It goes on by itself once a node can send it/
    ],
    ['a running transfer of a part', { transfer: transfer() }, /^A part of it, train\/run, .* pathmesh get/, 'part'],
    [
      'a holder, and nothing here of an attempt that failed',
      { failed: failed('TIMEOUT'), providers: [node(ORIGIN, { holds: 'all' })] },
      /^Get it: pathmesh get pathmesh:\/\/train\/run\.$/
    ],
    [
      'a holder, and something here of it',
      {
        failed: failed('TIMEOUT'),
        here: { complete: false, bytes: 3 },
        providers: [node(ORIGIN, { holds: 'all' })]
      },
      /^Get it: .* goes on from where it was\.$/
    ],
    [
      'the only holder sent wrong bytes',
      { failed: failed('CORRUPT'), providers: [node(ORIGIN, { holds: 'all', said: said('CORRUPT') })] },
      /^gpu-1 sent wrong bytes: check its disk/
    ],
    [
      'another holder did not',
      {
        failed: failed('CORRUPT'),
        providers: [node(ORIGIN, { holds: 'all', said: said('CORRUPT') }), node('b', { holds: 'all' })]
      },
      /^Get it/
    ],
    [
      'a source that changed, and a banned node beside it',
      { providers: [node(ORIGIN, { holds: 'all', said: said('SOURCE_CHANGED') }), node('c', { bannedUntil: 9 })] },
      /^The file changed on gpu-1/
    ],
    [
      'a banned node that has nothing to do with it',
      { providers: [node(ORIGIN), node('c', { bannedUntil: 9 })] },
      /^Nobody/
    ],
    [
      'a banned node that sent wrong bytes of it',
      {
        failed: failed('CORRUPT', 'c'),
        providers: [node('c', { bannedUntil: 9, holds: 'unknown', said: said('DENIED') })]
      },
      /^c sent wrong bytes too often/
    ],
    ['no node', {}, /^Connect this node/],
    ['an origin that is away', { providers: [node(ORIGIN, { connected: false })] }, /^Start gpu-1 again/]
  ]
  for (const [title, more, help, relation] of references)
    it(`of ${title}`, () => assert.match(helpReference({ ...reference, ...more }, 'self', relation), help))

  const peer: Peer = {
    about: 'peer',
    peerId: ORIGIN,
    name: ORIGIN,
    connected: true,
    via: 'lane',
    whyStream: null,
    bannedUntil: null,
    addresses: ['/ip4/10.0.0.1/tcp/4747'],
    latencyMs: 1,
    lastSeen: 1_000,
    lastError: null,
    nextDialAt: null,
    strikes: 0,
    lastStrike: null,
    sending: { bytes: 0, bytesPerSecond: 0 },
    receiving: { bytes: 0, bytesPerSecond: 0, transfers: [] }
  }
  const doing = (state: 'idle' | 'sending' | 'resting' | 'left', code?: string): Partial<Peer> => ({
    receiving: {
      bytes: 0,
      bytesPerSecond: 0,
      transfers: [
        {
          root: 'tree',
          name: 'train/run',
          bytes: 0,
          bytesPerSecond: 0,
          via: 'lane',
          state,
          said: code === undefined ? null : said(code)
        }
      ]
    }
  })
  const peers: [string, Partial<Peer>, RegExp, { now?: number; lanesOff?: boolean }?][] = [
    ['a peer that does well', doing('sending'), /^Nothing has to: it is connected\.$/],
    ['a peer that rests', doing('resting', 'TIMEOUT'), /fails to send train\/run: so it said; it is asked again/],
    ['a peer that is left', doing('left', 'CORRUPT'), /fails to send train\/run.*not asked again/],
    ['a peer whose last word was a failure', doing('idle', 'TIMEOUT'), /fails to send train\/run/],
    ['a peer that has nothing of it', doing('resting', 'NO_PROVIDERS'), /^It is connected, and cannot send train\/run/],
    ['a peer that was struck', { strikes: 2 }, /sent wrong bytes 2 times/],
    ['a peer that is silent', {}, /nothing was heard of it for 30 s/, { now: 31_000 }],
    ['a peer without a lane', { via: 'stream', whyStream: 'ECONNREFUSED' }, /reach the lane port/],
    [
      'a peer that wants no lane',
      { via: 'stream', whyStream: 'turned off' },
      /^Nothing has to: it is connected, and bulk bytes go over the stream: turned off/,
      { lanesOff: true }
    ]
  ]
  for (const [title, more, help, { now = 2_000, lanesOff = false } = {}] of peers)
    it(`of ${title}`, () => assert.match(helpPeer({ ...peer, ...more }, { now, lanesOff }), help))
})
