// Arrow files that no library would write, put together by hand: what the check says of each, without any library.

import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { checkArrowFile } from '../../../client/codecs/arrow-check.ts'
import {
  arrowFile,
  batch,
  byte,
  field,
  flatBuffer,
  int,
  long,
  short,
  type Flat,
  type Message,
  type Table
} from '../../fixtures/arrow/forge.ts'

const INT8 = field(2, { 0: int(8), 1: byte(1) })
const UTF8 = field(5)
const RECORD = 3
const DICTIONARY = 2
const EIGHT = new Uint8Array(8)

/** One row of an INT8. */
const ROW = {
  type: RECORD,
  header: batch(
    1,
    [[1, 0]],
    [
      [0, 0],
      [0, 1]
    ]
  ),
  body: EIGHT
}

/** An 8-bit index into dictionary 7 of text. */
const KIND = field(5, {}, [], { 4: { 0: long(7), 1: { 0: int(8), 1: byte(1) } } })

function words(id: number, delta: boolean, rows = 0): { type: number; header: Flat; body: Uint8Array } {
  const data = batch(
    rows,
    [[rows, 0]],
    [
      [0, 0],
      [0, 0],
      [0, 0]
    ]
  )
  return { type: DICTIONARY, header: { 0: long(id), 1: data, 2: byte(delta ? 1 : 0) }, body: EIGHT }
}

function refused(bytes: Uint8Array, code: string, message: RegExp): void {
  assert.throws(() => checkArrowFile(bytes), { code, message }, String(message))
}

describe('a forged Arrow file', () => {
  it('is read where it tells the truth', () => {
    const { schema } = checkArrowFile(arrowFile({ fields: [INT8], batches: [ROW, ROW] }))
    assert.deepEqual(
      schema.fields.map(({ path, name, layout }) => [path, name, layout]),
      [['liar', 'int', { kind: 'fixed', width: 1 }]]
    )
    assert.equal(checkArrowFile(arrowFile({})).schema.fields.length, 0)
    checkArrowFile(arrowFile({ fields: [KIND], dictionaries: [words(7, false), words(7, true)] }))
  })

  it('is no other format by the same name', () => {
    refused(Buffer.from('PAR1 and more'), 'CODEC_NOT_FOUND', /Parquet/)
    refused(Buffer.from('FEA1 and more'), 'CODEC_NOT_FOUND', /Feather of version 1/)
    refused(Buffer.from('PK and more'), 'CORRUPT', /does not begin with ARROW1/)
  })

  it('has no schema, an unknown version, or big-endian numbers', () => {
    refused(arrowFile({ footer: { 1: int(0) } }), 'CORRUPT', /an offset leads 0 bytes on/)
    const bare = flatBuffer({ 0: short(4) })
    const length = Buffer.from(Int32Array.of(bare.length).buffer)
    const none = Buffer.concat([Buffer.from('ARROW1\0\0'), bare, length, Buffer.from('ARROW1')])
    refused(new Uint8Array(none), 'CORRUPT', /its footer has no schema/)
    for (const version of [2, 5])
      refused(arrowFile({ footer: { 0: short(version) } }), 'CODEC_NOT_FOUND', /V4 and V5 are read/)
    refused(arrowFile({ footer: { 1: { 0: short(1) } } }), 'CODEC_NOT_FOUND', /big-endian/)
  })

  it('has types that there are not, or that nothing reads', () => {
    const list: readonly [Flat, string, RegExp][] = [
      [field(0), 'CODEC_NOT_FOUND', /has type 0/],
      [field(27), 'CODEC_NOT_FOUND', /has type 27/],
      [field(22), 'CODEC_NOT_FOUND', /type runEndEncoded/],
      [field(25), 'CODEC_NOT_FOUND', /type listView/],
      [field(26), 'CODEC_NOT_FOUND', /type largeListView/],
      [{ 0: { text: 'liar' }, 2: byte(2) }, 'CORRUPT', /int, without its parameters/],
      [field(2, { 0: int(12) }), 'CORRUPT', /int\(12, 0\), which there is not/],
      [field(3, { 0: short(3) }), 'CORRUPT', /floatingPoint\(3\)/],
      [field(7, { 2: int(96) }), 'CORRUPT', /decimal\(96/],
      [field(8, { 0: short(-1) }), 'CORRUPT', /date\(-1\)/],
      [field(9, { 0: short(1), 1: int(64) }), 'CORRUPT', /time\(64, 1\)/],
      [field(10, { 0: short(4) }), 'CORRUPT', /timestamp\(4/],
      [field(15, { 0: int(-1) }), 'CORRUPT', /fixedSizeBinary\(-1\)/],
      [field(16, { 0: int(-1) }, [INT8]), 'CORRUPT', /has lists of -1 values/],
      [field(12), 'CORRUPT', /list and has 0 children/],
      [field(5, {}, [INT8]), 'CORRUPT', /utf8 and has 1 children/],
      [field(2, { 0: int(8) }, [INT8]), 'CORRUPT', /int and has 1 children/],
      [field(17, {}, []), 'CORRUPT', /map and has 0 children/],
      [field(17, {}, [INT8]), 'CORRUPT', /whose entries are not keys and values/],
      [field(14, { 0: short(2) }), 'CORRUPT', /a union of mode 2/],
      [field(14, { 1: { list: [int(1)] } }), 'CORRUPT', /a union of 0 types with the ids 1/],
      [field(14, { 1: { list: [int(1), int(1)] } }, [INT8, INT8]), 'CORRUPT', /with the ids 1, 1/],
      [field(14, { 1: { list: [int(128)] } }, [INT8]), 'CORRUPT', /with the ids 128/]
    ]
    for (const [type, code, message] of list) refused(arrowFile({ fields: [type] }), code, message)
    assert.doesNotThrow(() => checkArrowFile(arrowFile({ fields: [field(17, {}, [field(13, {}, [UTF8, INT8])])] })))
  })

  it('has dictionaries that no column uses, that are replaced, added to before they are there, or shared by two types', () => {
    const file = (...dictionaries: ReturnType<typeof words>[]): Uint8Array =>
      arrowFile({ fields: [KIND], dictionaries })
    refused(file(words(8, false)), 'CORRUPT', /a dictionary 8 that no column uses/)
    refused(file(words(7, false), words(7, false)), 'CORRUPT', /dictionary 7 is replaced/)
    refused(file(words(7, true)), 'CORRUPT', /dictionary 7 is added to and not there/)
    const other = field(4, {}, [], { 4: { 0: long(7) } })
    refused(arrowFile({ fields: [KIND, other] }), 'CORRUPT', /shares a dictionary with column "liar"/)
    const nulls = (rows: number, delta: number): Message => {
      const header = { 0: long(7), 1: batch(rows, [[rows, rows]], []), 2: byte(delta) }
      return { type: DICTIONARY, header }
    }
    const none = field(1, {}, [], { 4: { 0: long(7) } })
    const many = arrowFile({ fields: [none], dictionaries: [nulls(2 ** 31 - 1, 0), nulls(1, 1)] })
    refused(many, 'CORRUPT', /dictionary 7 has 2147483648 values/)
    const odd = field(5, {}, [], { 4: { 0: long(7), 1: { 0: int(12) } } })
    refused(arrowFile({ fields: [odd] }), 'CORRUPT', /dictionary indices of 12 bits/)
    const index = {
      type: RECORD,
      header: batch(
        1,
        [[1, 0]],
        [
          [0, 0],
          [0, 1]
        ]
      ),
      body: EIGHT
    }
    refused(arrowFile({ fields: [KIND], batches: [index] }), 'CORRUPT', /a value past the 0 of its dictionary/)
  })

  it('has batches of other columns, rows or forms than its schema and footer', () => {
    const of = (header: Flat, body = EIGHT, more: { type?: number; version?: number } = {}): Uint8Array =>
      arrowFile({ fields: [INT8], batches: [{ type: RECORD, header, body, ...more }] })
    refused(of(batch(1, [], [])), 'CORRUPT', /^column "liar" is in the schema, and not in a batch/)
    refused(
      of(
        batch(
          1,
          [
            [1, 0],
            [1, 0]
          ],
          [
            [0, 0],
            [0, 1]
          ]
        )
      ),
      'CORRUPT',
      /more columns than the schema/
    )
    refused(
      of(
        batch(
          1,
          [[1, 0]],
          [
            [0, 0],
            [0, 1],
            [8, 0]
          ]
        )
      ),
      'CORRUPT',
      /more columns than the schema/
    )
    refused(
      of(
        batch(
          2,
          [[1, 0]],
          [
            [0, 0],
            [0, 1]
          ]
        )
      ),
      'CORRUPT',
      /has 1 rows where there are 2/
    )
    refused(
      of(
        batch(
          1,
          [[2 ** 31, 0]],
          [
            [0, 0],
            [0, 1]
          ]
        )
      ),
      'CORRUPT',
      /^column "liar" has 2147483648 rows/
    )
    refused(
      of(
        batch(
          1,
          [[-1, -1]],
          [
            [0, 0],
            [0, 1]
          ]
        )
      ),
      'CORRUPT',
      /has -1 rows/
    )
    refused(
      of(
        batch(
          1,
          [[1, 0]],
          [
            [0, 0],
            [4, 1]
          ]
        )
      ),
      'CORRUPT',
      /begins at byte 4/
    )
    refused(
      of(
        batch(
          1,
          [[1, 0]],
          [
            [0, 0],
            [8, 1]
          ]
        )
      ),
      'CORRUPT',
      /has bytes 8 to 9 of a batch of 8/
    )
    refused(
      of(
        batch(
          1,
          [[1, 0]],
          [
            [0, 0],
            [0, -1]
          ]
        )
      ),
      'CORRUPT',
      /has bytes 0 to -1/
    )
    refused(
      of(
        batch(
          1,
          [[1, 0]],
          [
            [0, 0],
            [0, 1]
          ],
          { 3: { 0: byte(1) } }
        )
      ),
      'CODEC_NOT_FOUND',
      /compressed with ZSTD/
    )
    refused(of(ROW.header, EIGHT, { version: 3 }), 'CORRUPT', /another version than the footer/)
    refused(of(ROW.header, EIGHT, { type: DICTIONARY }), 'CORRUPT', /not the batch that the footer says/)
    refused(
      arrowFile({ batches: [{ type: RECORD, header: batch(2 ** 31, [], []) }] }),
      'CORRUPT',
      /a batch has 2147483648 rows/
    )
    const most = { type: RECORD, header: batch(2 ** 31 - 1, [], []) }
    assert.doesNotThrow(() => checkArrowFile(arrowFile({ batches: [most, most] })))
    refused(arrowFile({ batches: [most, most, most] }), 'CORRUPT', /it has 6442450941 rows/)
  })

  it('has views in buffers that it has not', () => {
    const of = (more: Table): Uint8Array =>
      arrowFile({
        fields: [field(24)],
        batches: [
          {
            type: RECORD,
            header: batch(
              0,
              [[0, 0]],
              [
                [0, 0],
                [0, 0]
              ],
              more
            )
          }
        ]
      })
    assert.doesNotThrow(() => checkArrowFile(of({ 4: { structs: [[0]] } })))
    for (const counts of [[], [[1]], [[-1]], [[2 ** 40]]])
      refused(of({ 4: { structs: counts } }), 'CORRUPT', /no such number of buffers/)
    refused(of({ 4: { structs: [[0], [0]] } }), 'CORRUPT', /more columns than the schema/)
  })
})

describe('a map whose keys are views', () => {
  it('is refused for a key __proto__', () => {
    const type = field(17, {}, [field(13, {}, [field(24), INT8])])
    const keyed = (key: string): Uint8Array => {
      const body = Buffer.alloc(32)
      body.writeInt32LE(1, 4)
      body.writeInt32LE(body.write(key, 12), 8)
      const nodes = [
        [1, 0],
        [1, 0],
        [1, 0],
        [1, 0]
      ]
      const buffers = [
        [0, 0],
        [0, 8],
        [0, 0],
        [0, 0],
        [8, 16],
        [0, 0],
        [24, 1]
      ]
      const header = batch(1, nodes, buffers, { 4: { structs: [[0]] } })
      return arrowFile({ fields: [type], batches: [{ type: RECORD, header, body }] })
    }
    assert.doesNotThrow(() => checkArrowFile(keyed('__prot__')))
    refused(keyed('__proto__'), 'CODEC_NOT_FOUND', /has a key __proto__/)
  })
})
