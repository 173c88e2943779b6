// The codec of DataFrames of `nodejs-polars`: Arrow IPC files too, so that who has no polars reads them as Arrow tables. Loads
// the library, which is native code, when it is used, and hands it only bytes that have been looked through.

import type * as NodejsPolars from 'nodejs-polars'
import { PathmeshError } from '../../proto/errors.ts'
import { checkArrowFile, readArrowSchema } from './arrow-check.ts'
import { reason, unreadableColumn } from './arrow-errors.ts'
import type { Field } from './arrow-schema.ts'
import { ARROW_MEDIA_TYPE } from './arrow.ts'
import type { Codec } from './codec.ts'

/** A DataFrame of nodejs-polars, as far as it is looked at here: users see it as their library's. */
export interface PolarsFrame {
  readonly columns: readonly string[]
  readonly height: number
  writeIPC(options: { readonly compression: 'uncompressed' }): Uint8Array
}

const UNREAD: readonly string[] = ['union', 'interval', 'map']

let library: typeof NodejsPolars | undefined

export const polarsCodec: Codec<PolarsFrame> = {
  id: 'polars',
  mediaType: ARROW_MEDIA_TYPE,
  ready: async () => {
    try {
      library ??= await import('nodejs-polars')
    } catch (error) {
      throw new PathmeshError(
        'CODEC_NOT_FOUND',
        "a DataFrame needs the package nodejs-polars, which cannot be loaded: npm install nodejs-polars, or read it with as: 'arrow' " +
          `(${reason(error)})`,
        { cause: error }
      )
    }
  },
  matches: isFrame,
  encode: frame => {
    // Through the object's proxy a column is a property, and comes before a method of the same name.
    if (typeof frame.writeIPC !== 'function')
      throw new PathmeshError('CODEC_NOT_FOUND', 'a DataFrame with a column "writeIPC" cannot be encoded: rename it')
    const bytes = written(frame)
    for (const field of readArrowSchema(bytes).fields) checkReadable(field)
    return bytes
  },
  decode: source => {
    if (library === undefined) throw new TypeError('ready() comes before decode()')
    const bytes = readable(source.bytes())
    try {
      return library.readIPC(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    } catch (error) {
      throw new PathmeshError(
        'CODEC_NOT_FOUND',
        `nodejs-polars does not read this table: ${reason(error)}; read it with as: 'arrow'`,
        { cause: error }
      )
    }
  }
}

function written(frame: PolarsFrame): Uint8Array {
  try {
    return frame.writeIPC({ compression: 'uncompressed' })
  } catch (error) {
    throw new PathmeshError('CODEC_NOT_FOUND', `nodejs-polars does not encode this DataFrame: ${reason(error)}`, {
      cause: error
    })
  }
}

/** Bytes that the library reads: it looks at the indices of nulls too, which pandas sets to -1. */
function readable(bytes: Uint8Array): Uint8Array {
  const { schema, strays } = checkArrowFile(bytes)
  for (const field of schema.fields) checkReadable(field)
  if (strays === 0) return bytes
  const copy = bytes.slice()
  checkArrowFile(copy, { mend: true })
  return copy
}

/** What the library reads wrongly (nulls among maps become empty maps), or gives up on in the midst of native code. */
function checkReadable({ path, name, layout, children }: Field): void {
  const empty = (layout.kind === 'fixed' && layout.width === 0) || (layout.kind === 'fixedList' && layout.size === 0)
  const wide = layout.kind === 'fixed' && name === 'decimal' && layout.width > 16
  if (UNREAD.includes(name) || empty || wide)
    throw unreadableColumn(
      path,
      `is of type ${name}, as nodejs-polars does not read it: read the table with as: 'arrow'`
    )
  for (const child of children) checkReadable(child)
}

/** Its proxy knows columns only, so `in` says nothing; the tag is a symbol, and no column. */
function isFrame(value: unknown): value is PolarsFrame {
  if (typeof value !== 'object' || value === null) return false
  if (Object.prototype.toString.call(value) !== '[object DataFrame]') return false
  const writeIPC: unknown = Reflect.get(value, 'writeIPC')
  return typeof writeIPC === 'function' || typeof writeIPC === 'object'
}
