// @ts-nocheck
import { decodeMessage, encodeMessage, enumeration, message, streamMessage } from 'protons-runtime'
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export enum FrameKind {
  REQUEST = 'REQUEST',
  CANCEL = 'CANCEL',
  ANSWER = 'ANSWER',
  END = 'END',
  FAILURE = 'FAILURE'
}

enum __FrameKindValues {
  REQUEST = 0,
  CANCEL = 1,
  ANSWER = 2,
  END = 3,
  FAILURE = 4
}

export namespace FrameKind {
  export const codec = (): Codec<FrameKind> => {
    return enumeration<FrameKind>(__FrameKindValues)
  }
}

export interface Header {
  id: number
  kind: FrameKind
  method: string
  body: Uint8Array<ArrayBuffer>
  code: string
  message: string
}

export namespace Header {
  let _codec: Codec<Header>

  export const codec = (): Codec<Header> => {
    if (_codec == null) {
      _codec = message<Header>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.id != null && obj.id !== 0)) {
          w.uint32(8)
          w.uint32(obj.id)
        }

        if (obj.kind != null && __FrameKindValues[obj.kind] !== 0) {
          w.uint32(16)
          FrameKind.codec().encode(obj.kind, w)
        }

        if ((obj.method != null && obj.method !== '')) {
          w.uint32(26)
          w.string(obj.method)
        }

        if ((obj.body != null && obj.body.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.body)
        }

        if ((obj.code != null && obj.code !== '')) {
          w.uint32(42)
          w.string(obj.code)
        }

        if ((obj.message != null && obj.message !== '')) {
          w.uint32(50)
          w.string(obj.message)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          id: 0,
          kind: FrameKind.REQUEST,
          method: '',
          body: uint8ArrayAlloc(0),
          code: '',
          message: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.id = reader.uint32()
              break
            }
            case 2: {
              obj.kind = FrameKind.codec().decode(reader)
              break
            }
            case 3: {
              obj.method = reader.string()
              break
            }
            case 4: {
              obj.body = reader.bytes()
              break
            }
            case 5: {
              obj.code = reader.string()
              break
            }
            case 6: {
              obj.message = reader.string()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.id`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.kind`,
                value: FrameKind.codec().decode(reader)
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.method`,
                value: reader.string()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.body`,
                value: reader.bytes()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.code`,
                value: reader.string()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.message`,
                value: reader.string()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface HeaderIdFieldEvent {
    field: '$.id'
    value: number
  }

  export interface HeaderKindFieldEvent {
    field: '$.kind'
    value: FrameKind
  }

  export interface HeaderMethodFieldEvent {
    field: '$.method'
    value: string
  }

  export interface HeaderBodyFieldEvent {
    field: '$.body'
    value: Uint8Array<ArrayBuffer>
  }

  export interface HeaderCodeFieldEvent {
    field: '$.code'
    value: string
  }

  export interface HeaderMessageFieldEvent {
    field: '$.message'
    value: string
  }

  export function encode (obj: Partial<Header>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Header.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Header>): Header {
    return decodeMessage(buf, Header.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Header>): Generator<HeaderIdFieldEvent | HeaderKindFieldEvent | HeaderMethodFieldEvent | HeaderBodyFieldEvent | HeaderCodeFieldEvent | HeaderMessageFieldEvent> {
    return streamMessage(buf, Header.codec(), opts)
  }
}
