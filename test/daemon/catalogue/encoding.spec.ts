// Records of Payloads: how their value is encoded is signed with them, and what is no codec and no media type does not open.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { openRecord } from '../../../daemon/catalogue/record.ts'
import type { Encoding } from '../../../proto/codec.ts'
import { CODEC_ID_CHARS_MAX, MEDIA_TYPE_CHARS_MAX } from '../../../proto/limits.ts'
import { MESH, signed, signedVersion, verify } from '../../helpers/signed-records.ts'
import { failsWith } from '../../helpers/trees.ts'

const LONG_TYPE = `text/${'x'.repeat(MEDIA_TYPE_CHARS_MAX - 5)}`

describe('the record of a Payload', () => {
  const opened = async (encoding: Encoding | null, kind: 'file' | 'directory' = 'file') => {
    const { record } = await signedVersion('alice', 'train/df', 1)
    assert.ok(record.type === 'version')
    const { bytes } = await signed({ ...record, kind, encoding })
    const again = await openRecord(bytes, MESH, verify)
    assert.ok(again.record.type === 'version')
    return again.record.encoding
  }

  for (const encoding of [
    null,
    { codec: 'a', mediaType: 'a/b' },
    { codec: 'acme/model-1', mediaType: 'application/vnd.acme+json;charset="a b"; v=1' },
    { codec: 'c'.repeat(CODEC_ID_CHARS_MAX), mediaType: LONG_TYPE }
  ]) {
    it(`opens to what was signed: ${JSON.stringify(encoding)?.slice(0, 60)}`, async () => {
      assert.deepEqual(await opened(encoding), encoding)
    })
  }

  for (const [codec, mediaType] of [
    ['', 'a/b'],
    ['a b', 'a/b'],
    ['ä', 'a/b'],
    ['/a', 'a/b'],
    ['c'.repeat(CODEC_ID_CHARS_MAX + 1), 'a/b'],
    ['a', ''],
    ['a', 'text'],
    ['a', 'text/'],
    ['a', 'a/b\r\nset-cookie: x'],
    ['a', 'a/b; q'],
    ['a', `${LONG_TYPE}x`]
  ] as const) {
    it(`does not open with ${JSON.stringify({ codec, mediaType }).slice(0, 60)}`, async () => {
      await assert.rejects(opened({ codec, mediaType }), failsWith('CORRUPT', /cannot be read/))
    })
  }

  it('does not open where it says that a directory is a Payload', async () => {
    await assert.rejects(opened({ codec: 'a', mediaType: 'a/b' }, 'directory'), failsWith('CORRUPT', /directory/))
  })
})
