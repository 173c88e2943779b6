// @ts-nocheck
/* eslint-disable require-yield */

import { decodeMessage, encodeMessage, enumeration, MaxLengthError, message, streamMessage } from 'protons-runtime'
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface SignedRecord {
  body: Uint8Array<ArrayBuffer>
  signature: Uint8Array<ArrayBuffer>
}

export namespace SignedRecord {
  let _codec: Codec<SignedRecord>

  export const codec = (): Codec<SignedRecord> => {
    if (_codec == null) {
      _codec = message<SignedRecord>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.body != null && obj.body.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.body)
        }

        if ((obj.signature != null && obj.signature.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.signature)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          body: uint8ArrayAlloc(0),
          signature: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.body = reader.bytes()
              break
            }
            case 2: {
              obj.signature = reader.bytes()
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
                field: `${prefix}.body`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.signature`,
                value: reader.bytes()
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

  export interface SignedRecordBodyFieldEvent {
    field: '$.body'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SignedRecordSignatureFieldEvent {
    field: '$.signature'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<SignedRecord>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SignedRecord.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SignedRecord>): SignedRecord {
    return decodeMessage(buf, SignedRecord.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SignedRecord>): Generator<SignedRecordBodyFieldEvent | SignedRecordSignatureFieldEvent> {
    return streamMessage(buf, SignedRecord.codec(), opts)
  }
}

export interface Record {
  mesh: Uint8Array<ArrayBuffer>
  origin: string
  number: number
  name: string
  seq: number
  time: number
  version?: Version
  retirement?: Retirement
  claim?: Claim
  node?: Node
}

export namespace Record {
  let _codec: Codec<Record>

  export const codec = (): Codec<Record> => {
    if (_codec == null) {
      _codec = message<Record>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        obj = { ...obj }

        if (obj.node != null) {
          obj.claim = undefined
          obj.retirement = undefined
          obj.version = undefined
        }

        if (obj.claim != null) {
          obj.node = undefined
          obj.retirement = undefined
          obj.version = undefined
        }

        if (obj.retirement != null) {
          obj.node = undefined
          obj.claim = undefined
          obj.version = undefined
        }

        if (obj.version != null) {
          obj.node = undefined
          obj.claim = undefined
          obj.retirement = undefined
        }

        if ((obj.mesh != null && obj.mesh.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.mesh)
        }

        if ((obj.origin != null && obj.origin !== '')) {
          w.uint32(18)
          w.string(obj.origin)
        }

        if ((obj.number != null && obj.number !== 0)) {
          w.uint32(24)
          w.uint64Number(obj.number)
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(34)
          w.string(obj.name)
        }

        if ((obj.seq != null && obj.seq !== 0)) {
          w.uint32(40)
          w.uint64Number(obj.seq)
        }

        if ((obj.time != null && obj.time !== 0)) {
          w.uint32(48)
          w.uint64Number(obj.time)
        }

        if (obj.version != null) {
          w.uint32(58)
          Version.codec().encode(obj.version, w)
        }

        if (obj.retirement != null) {
          w.uint32(66)
          Retirement.codec().encode(obj.retirement, w)
        }

        if (obj.claim != null) {
          w.uint32(74)
          Claim.codec().encode(obj.claim, w)
        }

        if (obj.node != null) {
          w.uint32(82)
          Node.codec().encode(obj.node, w)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          mesh: uint8ArrayAlloc(0),
          origin: '',
          number: 0,
          name: '',
          seq: 0,
          time: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.mesh = reader.bytes()
              break
            }
            case 2: {
              obj.origin = reader.string()
              break
            }
            case 3: {
              obj.number = reader.uint64Number()
              break
            }
            case 4: {
              obj.name = reader.string()
              break
            }
            case 5: {
              obj.seq = reader.uint64Number()
              break
            }
            case 6: {
              obj.time = reader.uint64Number()
              break
            }
            case 7: {
              obj.version = Version.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.version
              })
              break
            }
            case 8: {
              obj.retirement = Retirement.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.retirement
              })
              break
            }
            case 9: {
              obj.claim = Claim.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.claim
              })
              break
            }
            case 10: {
              obj.node = Node.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.node
              })
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        if (obj.node != null) {
          delete obj.claim
          delete obj.retirement
          delete obj.version
        }

        if (obj.claim != null) {
          delete obj.node
          delete obj.retirement
          delete obj.version
        }

        if (obj.retirement != null) {
          delete obj.node
          delete obj.claim
          delete obj.version
        }

        if (obj.version != null) {
          delete obj.node
          delete obj.claim
          delete obj.retirement
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.mesh`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.origin`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.number`,
                value: reader.uint64Number()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.name`,
                value: reader.string()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.seq`,
                value: reader.uint64Number()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.time`,
                value: reader.uint64Number()
              }
              break
            }
            case 7: {
              yield * Version.codec().stream(reader, reader.uint32(), `${prefix}.version`, {
                limits: opts.limits?.version
              })

              break
            }
            case 8: {
              yield * Retirement.codec().stream(reader, reader.uint32(), `${prefix}.retirement`, {
                limits: opts.limits?.retirement
              })

              break
            }
            case 9: {
              yield * Claim.codec().stream(reader, reader.uint32(), `${prefix}.claim`, {
                limits: opts.limits?.claim
              })

              break
            }
            case 10: {
              yield * Node.codec().stream(reader, reader.uint32(), `${prefix}.node`, {
                limits: opts.limits?.node
              })

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

  export interface RecordMeshFieldEvent {
    field: '$.mesh'
    value: Uint8Array<ArrayBuffer>
  }

  export interface RecordOriginFieldEvent {
    field: '$.origin'
    value: string
  }

  export interface RecordNumberFieldEvent {
    field: '$.number'
    value: number
  }

  export interface RecordNameFieldEvent {
    field: '$.name'
    value: string
  }

  export interface RecordSeqFieldEvent {
    field: '$.seq'
    value: number
  }

  export interface RecordTimeFieldEvent {
    field: '$.time'
    value: number
  }

  export interface RecordVersionRootFieldEvent {
    field: '$.version.root'
    value: Uint8Array<ArrayBuffer>
  }

  export interface RecordVersionKindFieldEvent {
    field: '$.version.kind'
    value: ContentKind
  }

  export interface RecordVersionSizeFieldEvent {
    field: '$.version.size'
    value: number
  }

  export interface RecordVersionMetaFieldEvent {
    field: '$.version.meta'
    value: string
  }

  export interface RecordVersionOfNameFieldEvent {
    field: '$.version.of.name'
    value: string
  }

  export interface RecordVersionOfOriginFieldEvent {
    field: '$.version.of.origin'
    value: string
  }

  export interface RecordVersionOfSeqFieldEvent {
    field: '$.version.of.seq'
    value: number
  }

  export interface RecordVersionOfRootFieldEvent {
    field: '$.version.of.root'
    value: Uint8Array<ArrayBuffer>
  }

  export interface RecordVersionOfPathFieldEvent {
    field: '$.version.of.path'
    value: string
  }

  export interface RecordVersionEncodingCodecFieldEvent {
    field: '$.version.encoding.codec'
    value: string
  }

  export interface RecordVersionEncodingMediaTypeFieldEvent {
    field: '$.version.encoding.mediaType'
    value: string
  }

  export interface RecordClaimEpochFieldEvent {
    field: '$.claim.epoch'
    value: number
  }

  export interface RecordNodeNameFieldEvent {
    field: '$.node.name'
    value: string
  }

  export interface RecordNodeVersionFieldEvent {
    field: '$.node.version'
    value: string
  }

  export interface RecordNodeAddressesFieldEvent {
    field: '$.node.addresses[]'
    index: number
    value: string
  }

  export function encode (obj: Partial<Record>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Record.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Record>): Record {
    return decodeMessage(buf, Record.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Record>): Generator<RecordMeshFieldEvent | RecordOriginFieldEvent | RecordNumberFieldEvent | RecordNameFieldEvent | RecordSeqFieldEvent | RecordTimeFieldEvent | RecordVersionRootFieldEvent | RecordVersionKindFieldEvent | RecordVersionSizeFieldEvent | RecordVersionMetaFieldEvent | RecordVersionOfNameFieldEvent | RecordVersionOfOriginFieldEvent | RecordVersionOfSeqFieldEvent | RecordVersionOfRootFieldEvent | RecordVersionOfPathFieldEvent | RecordVersionEncodingCodecFieldEvent | RecordVersionEncodingMediaTypeFieldEvent | RecordClaimEpochFieldEvent | RecordNodeNameFieldEvent | RecordNodeVersionFieldEvent | RecordNodeAddressesFieldEvent> {
    return streamMessage(buf, Record.codec(), opts)
  }
}

export interface Version {
  root: Uint8Array<ArrayBuffer>
  kind: ContentKind
  size: number
  meta: string
  of?: Source
  encoding?: Encoding
}

export namespace Version {
  let _codec: Codec<Version>

  export const codec = (): Codec<Version> => {
    if (_codec == null) {
      _codec = message<Version>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.root != null && obj.root.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.root)
        }

        if (obj.kind != null && __ContentKindValues[obj.kind] !== 0) {
          w.uint32(16)
          ContentKind.codec().encode(obj.kind, w)
        }

        if ((obj.size != null && obj.size !== 0)) {
          w.uint32(24)
          w.uint64Number(obj.size)
        }

        if ((obj.meta != null && obj.meta !== '')) {
          w.uint32(34)
          w.string(obj.meta)
        }

        if (obj.of != null) {
          w.uint32(42)
          Source.codec().encode(obj.of, w)
        }

        if (obj.encoding != null) {
          w.uint32(50)
          Encoding.codec().encode(obj.encoding, w)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          root: uint8ArrayAlloc(0),
          kind: ContentKind.FILE,
          size: 0,
          meta: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.root = reader.bytes()
              break
            }
            case 2: {
              obj.kind = ContentKind.codec().decode(reader)
              break
            }
            case 3: {
              obj.size = reader.uint64Number()
              break
            }
            case 4: {
              obj.meta = reader.string()
              break
            }
            case 5: {
              obj.of = Source.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.of
              })
              break
            }
            case 6: {
              obj.encoding = Encoding.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.encoding
              })
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
                field: `${prefix}.root`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.kind`,
                value: ContentKind.codec().decode(reader)
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.size`,
                value: reader.uint64Number()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.meta`,
                value: reader.string()
              }
              break
            }
            case 5: {
              yield * Source.codec().stream(reader, reader.uint32(), `${prefix}.of`, {
                limits: opts.limits?.of
              })

              break
            }
            case 6: {
              yield * Encoding.codec().stream(reader, reader.uint32(), `${prefix}.encoding`, {
                limits: opts.limits?.encoding
              })

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

  export interface VersionRootFieldEvent {
    field: '$.root'
    value: Uint8Array<ArrayBuffer>
  }

  export interface VersionKindFieldEvent {
    field: '$.kind'
    value: ContentKind
  }

  export interface VersionSizeFieldEvent {
    field: '$.size'
    value: number
  }

  export interface VersionMetaFieldEvent {
    field: '$.meta'
    value: string
  }

  export interface VersionOfNameFieldEvent {
    field: '$.of.name'
    value: string
  }

  export interface VersionOfOriginFieldEvent {
    field: '$.of.origin'
    value: string
  }

  export interface VersionOfSeqFieldEvent {
    field: '$.of.seq'
    value: number
  }

  export interface VersionOfRootFieldEvent {
    field: '$.of.root'
    value: Uint8Array<ArrayBuffer>
  }

  export interface VersionOfPathFieldEvent {
    field: '$.of.path'
    value: string
  }

  export interface VersionEncodingCodecFieldEvent {
    field: '$.encoding.codec'
    value: string
  }

  export interface VersionEncodingMediaTypeFieldEvent {
    field: '$.encoding.mediaType'
    value: string
  }

  export function encode (obj: Partial<Version>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Version.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Version>): Version {
    return decodeMessage(buf, Version.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Version>): Generator<VersionRootFieldEvent | VersionKindFieldEvent | VersionSizeFieldEvent | VersionMetaFieldEvent | VersionOfNameFieldEvent | VersionOfOriginFieldEvent | VersionOfSeqFieldEvent | VersionOfRootFieldEvent | VersionOfPathFieldEvent | VersionEncodingCodecFieldEvent | VersionEncodingMediaTypeFieldEvent> {
    return streamMessage(buf, Version.codec(), opts)
  }
}

export interface Encoding {
  codec: string
  mediaType: string
}

export namespace Encoding {
  let _codec: Codec<Encoding>

  export const codec = (): Codec<Encoding> => {
    if (_codec == null) {
      _codec = message<Encoding>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.codec != null && obj.codec !== '')) {
          w.uint32(10)
          w.string(obj.codec)
        }

        if ((obj.mediaType != null && obj.mediaType !== '')) {
          w.uint32(18)
          w.string(obj.mediaType)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          codec: '',
          mediaType: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.codec = reader.string()
              break
            }
            case 2: {
              obj.mediaType = reader.string()
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
                field: `${prefix}.codec`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.mediaType`,
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

  export interface EncodingCodecFieldEvent {
    field: '$.codec'
    value: string
  }

  export interface EncodingMediaTypeFieldEvent {
    field: '$.mediaType'
    value: string
  }

  export function encode (obj: Partial<Encoding>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Encoding.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Encoding>): Encoding {
    return decodeMessage(buf, Encoding.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Encoding>): Generator<EncodingCodecFieldEvent | EncodingMediaTypeFieldEvent> {
    return streamMessage(buf, Encoding.codec(), opts)
  }
}

export interface Source {
  name: string
  origin: string
  seq: number
  root: Uint8Array<ArrayBuffer>
  path: string
}

export namespace Source {
  let _codec: Codec<Source>

  export const codec = (): Codec<Source> => {
    if (_codec == null) {
      _codec = message<Source>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(10)
          w.string(obj.name)
        }

        if ((obj.origin != null && obj.origin !== '')) {
          w.uint32(18)
          w.string(obj.origin)
        }

        if ((obj.seq != null && obj.seq !== 0)) {
          w.uint32(24)
          w.uint64Number(obj.seq)
        }

        if ((obj.root != null && obj.root.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.root)
        }

        if ((obj.path != null && obj.path !== '')) {
          w.uint32(42)
          w.string(obj.path)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          name: '',
          origin: '',
          seq: 0,
          root: uint8ArrayAlloc(0),
          path: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.name = reader.string()
              break
            }
            case 2: {
              obj.origin = reader.string()
              break
            }
            case 3: {
              obj.seq = reader.uint64Number()
              break
            }
            case 4: {
              obj.root = reader.bytes()
              break
            }
            case 5: {
              obj.path = reader.string()
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
                field: `${prefix}.name`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.origin`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.seq`,
                value: reader.uint64Number()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.root`,
                value: reader.bytes()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.path`,
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

  export interface SourceNameFieldEvent {
    field: '$.name'
    value: string
  }

  export interface SourceOriginFieldEvent {
    field: '$.origin'
    value: string
  }

  export interface SourceSeqFieldEvent {
    field: '$.seq'
    value: number
  }

  export interface SourceRootFieldEvent {
    field: '$.root'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SourcePathFieldEvent {
    field: '$.path'
    value: string
  }

  export function encode (obj: Partial<Source>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Source.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Source>): Source {
    return decodeMessage(buf, Source.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Source>): Generator<SourceNameFieldEvent | SourceOriginFieldEvent | SourceSeqFieldEvent | SourceRootFieldEvent | SourcePathFieldEvent> {
    return streamMessage(buf, Source.codec(), opts)
  }
}

export enum ContentKind {
  FILE = 'FILE',
  DIRECTORY = 'DIRECTORY'
}

enum __ContentKindValues {
  FILE = 0,
  DIRECTORY = 1
}

export namespace ContentKind {
  export const codec = (): Codec<ContentKind> => {
    return enumeration<ContentKind>(__ContentKindValues)
  }
}

export interface Retirement {}

export namespace Retirement {
  let _codec: Codec<Retirement>

  export const codec = (): Codec<Retirement> => {
    if (_codec == null) {
      _codec = message<Retirement>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {}

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
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

  export function encode (obj: Partial<Retirement>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Retirement.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Retirement>): Retirement {
    return decodeMessage(buf, Retirement.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Retirement>): Generator<{}> {
    return streamMessage(buf, Retirement.codec(), opts)
  }
}

export interface Claim {
  epoch: number
}

export namespace Claim {
  let _codec: Codec<Claim>

  export const codec = (): Codec<Claim> => {
    if (_codec == null) {
      _codec = message<Claim>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.epoch != null && obj.epoch !== 0)) {
          w.uint32(8)
          w.uint64Number(obj.epoch)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          epoch: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.epoch = reader.uint64Number()
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
                field: `${prefix}.epoch`,
                value: reader.uint64Number()
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

  export interface ClaimEpochFieldEvent {
    field: '$.epoch'
    value: number
  }

  export function encode (obj: Partial<Claim>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Claim.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Claim>): Claim {
    return decodeMessage(buf, Claim.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Claim>): Generator<ClaimEpochFieldEvent> {
    return streamMessage(buf, Claim.codec(), opts)
  }
}

export interface Node {
  name: string
  version: string
  addresses: string[]
}

export namespace Node {
  let _codec: Codec<Node>

  export const codec = (): Codec<Node> => {
    if (_codec == null) {
      _codec = message<Node>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(10)
          w.string(obj.name)
        }

        if ((obj.version != null && obj.version !== '')) {
          w.uint32(18)
          w.string(obj.version)
        }

        if (obj.addresses != null && obj.addresses.length > 0) {
          for (const value of obj.addresses) {
            w.uint32(26)
            w.string(value)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          name: '',
          version: '',
          addresses: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.name = reader.string()
              break
            }
            case 2: {
              obj.version = reader.string()
              break
            }
            case 3: {
              if (opts.limits?.addresses != null && obj.addresses.length === opts.limits.addresses) {
                throw new MaxLengthError('Decode error - repeated field "addresses" had too many elements')
              }

              obj.addresses.push(reader.string())
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
        const obj = {
          addresses: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.name`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.version`,
                value: reader.string()
              }
              break
            }
            case 3: {
              if (opts.limits?.addresses != null && obj.addresses === opts.limits.addresses) {
                throw new MaxLengthError('Streaming decode error - repeated field "addresses" had too many elements')
              }

              yield {
                field: `${prefix}.addresses[]`,
                index: obj.addresses,
                value: reader.string()
              }

              obj.addresses++

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

  export interface NodeNameFieldEvent {
    field: '$.name'
    value: string
  }

  export interface NodeVersionFieldEvent {
    field: '$.version'
    value: string
  }

  export interface NodeAddressesFieldEvent {
    field: '$.addresses[]'
    index: number
    value: string
  }

  export function encode (obj: Partial<Node>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Node.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Node>): Node {
    return decodeMessage(buf, Node.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Node>): Generator<NodeNameFieldEvent | NodeVersionFieldEvent | NodeAddressesFieldEvent> {
    return streamMessage(buf, Node.codec(), opts)
  }
}

export interface Head {
  origin: string
  number: number
  digest: Uint8Array<ArrayBuffer>
}

export namespace Head {
  let _codec: Codec<Head>

  export const codec = (): Codec<Head> => {
    if (_codec == null) {
      _codec = message<Head>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.origin != null && obj.origin !== '')) {
          w.uint32(10)
          w.string(obj.origin)
        }

        if ((obj.number != null && obj.number !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.number)
        }

        if ((obj.digest != null && obj.digest.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.digest)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          origin: '',
          number: 0,
          digest: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.origin = reader.string()
              break
            }
            case 2: {
              obj.number = reader.uint64Number()
              break
            }
            case 3: {
              obj.digest = reader.bytes()
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
                field: `${prefix}.origin`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.number`,
                value: reader.uint64Number()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.digest`,
                value: reader.bytes()
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

  export interface HeadOriginFieldEvent {
    field: '$.origin'
    value: string
  }

  export interface HeadNumberFieldEvent {
    field: '$.number'
    value: number
  }

  export interface HeadDigestFieldEvent {
    field: '$.digest'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Head>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Head.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Head>): Head {
    return decodeMessage(buf, Head.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Head>): Generator<HeadOriginFieldEvent | HeadNumberFieldEvent | HeadDigestFieldEvent> {
    return streamMessage(buf, Head.codec(), opts)
  }
}

export interface Heads {
  heads: Head[]
  records: SignedRecord[]
  more: boolean
  contents: Uint8Array<ArrayBuffer>[]
}

export namespace Heads {
  let _codec: Codec<Heads>

  export const codec = (): Codec<Heads> => {
    if (_codec == null) {
      _codec = message<Heads>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.heads != null && obj.heads.length > 0) {
          for (const value of obj.heads) {
            w.uint32(10)
            Head.codec().encode(value, w)
          }
        }

        if (obj.records != null && obj.records.length > 0) {
          for (const value of obj.records) {
            w.uint32(18)
            SignedRecord.codec().encode(value, w)
          }
        }

        if ((obj.more != null && obj.more !== false)) {
          w.uint32(24)
          w.bool(obj.more)
        }

        if (obj.contents != null && obj.contents.length > 0) {
          for (const value of obj.contents) {
            w.uint32(34)
            w.bytes(value)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          heads: [],
          records: [],
          more: false,
          contents: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.heads != null && obj.heads.length === opts.limits.heads) {
                throw new MaxLengthError('Decode error - repeated field "heads" had too many elements')
              }

              obj.heads.push(Head.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.heads$
              }))
              break
            }
            case 2: {
              if (opts.limits?.records != null && obj.records.length === opts.limits.records) {
                throw new MaxLengthError('Decode error - repeated field "records" had too many elements')
              }

              obj.records.push(SignedRecord.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.records$
              }))
              break
            }
            case 3: {
              obj.more = reader.bool()
              break
            }
            case 4: {
              if (opts.limits?.contents != null && obj.contents.length === opts.limits.contents) {
                throw new MaxLengthError('Decode error - repeated field "contents" had too many elements')
              }

              obj.contents.push(reader.bytes())
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
        const obj = {
          heads: 0,
          records: 0,
          contents: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.heads != null && obj.heads === opts.limits.heads) {
                throw new MaxLengthError('Streaming decode error - repeated field "heads" had too many elements')
              }

              for (const evt of Head.codec().stream(reader, reader.uint32(), `${prefix}.heads[]`, {
                limits: opts.limits?.heads$
              })) {
                yield {
                  ...evt,
                  index: obj.heads
                }
              }

              obj.heads++

              break
            }
            case 2: {
              if (opts.limits?.records != null && obj.records === opts.limits.records) {
                throw new MaxLengthError('Streaming decode error - repeated field "records" had too many elements')
              }

              for (const evt of SignedRecord.codec().stream(reader, reader.uint32(), `${prefix}.records[]`, {
                limits: opts.limits?.records$
              })) {
                yield {
                  ...evt,
                  index: obj.records
                }
              }

              obj.records++

              break
            }
            case 3: {
              yield {
                field: `${prefix}.more`,
                value: reader.bool()
              }
              break
            }
            case 4: {
              if (opts.limits?.contents != null && obj.contents === opts.limits.contents) {
                throw new MaxLengthError('Streaming decode error - repeated field "contents" had too many elements')
              }

              yield {
                field: `${prefix}.contents[]`,
                index: obj.contents,
                value: reader.bytes()
              }

              obj.contents++

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

  export interface HeadsHeadsOriginFieldEvent {
    field: '$.heads[].origin'
    value: string
    index: number
  }

  export interface HeadsHeadsNumberFieldEvent {
    field: '$.heads[].number'
    value: number
    index: number
  }

  export interface HeadsHeadsDigestFieldEvent {
    field: '$.heads[].digest'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface HeadsRecordsBodyFieldEvent {
    field: '$.records[].body'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface HeadsRecordsSignatureFieldEvent {
    field: '$.records[].signature'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface HeadsMoreFieldEvent {
    field: '$.more'
    value: boolean
  }

  export interface HeadsContentsFieldEvent {
    field: '$.contents[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Heads>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Heads.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Heads>): Heads {
    return decodeMessage(buf, Heads.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Heads>): Generator<HeadsHeadsOriginFieldEvent | HeadsHeadsNumberFieldEvent | HeadsHeadsDigestFieldEvent | HeadsRecordsBodyFieldEvent | HeadsRecordsSignatureFieldEvent | HeadsMoreFieldEvent | HeadsContentsFieldEvent> {
    return streamMessage(buf, Heads.codec(), opts)
  }
}

export interface SinceRequest {
  origin: string
  number: number
}

export namespace SinceRequest {
  let _codec: Codec<SinceRequest>

  export const codec = (): Codec<SinceRequest> => {
    if (_codec == null) {
      _codec = message<SinceRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.origin != null && obj.origin !== '')) {
          w.uint32(10)
          w.string(obj.origin)
        }

        if ((obj.number != null && obj.number !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.number)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          origin: '',
          number: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.origin = reader.string()
              break
            }
            case 2: {
              obj.number = reader.uint64Number()
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
                field: `${prefix}.origin`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.number`,
                value: reader.uint64Number()
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

  export interface SinceRequestOriginFieldEvent {
    field: '$.origin'
    value: string
  }

  export interface SinceRequestNumberFieldEvent {
    field: '$.number'
    value: number
  }

  export function encode (obj: Partial<SinceRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SinceRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SinceRequest>): SinceRequest {
    return decodeMessage(buf, SinceRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SinceRequest>): Generator<SinceRequestOriginFieldEvent | SinceRequestNumberFieldEvent> {
    return streamMessage(buf, SinceRequest.codec(), opts)
  }
}

export interface SinceAnswer {
  head?: Head
  records: SignedRecord[]
  more: boolean
}

export namespace SinceAnswer {
  let _codec: Codec<SinceAnswer>

  export const codec = (): Codec<SinceAnswer> => {
    if (_codec == null) {
      _codec = message<SinceAnswer>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.head != null) {
          w.uint32(10)
          Head.codec().encode(obj.head, w)
        }

        if (obj.records != null && obj.records.length > 0) {
          for (const value of obj.records) {
            w.uint32(18)
            SignedRecord.codec().encode(value, w)
          }
        }

        if ((obj.more != null && obj.more !== false)) {
          w.uint32(24)
          w.bool(obj.more)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          records: [],
          more: false
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.head = Head.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.head
              })
              break
            }
            case 2: {
              if (opts.limits?.records != null && obj.records.length === opts.limits.records) {
                throw new MaxLengthError('Decode error - repeated field "records" had too many elements')
              }

              obj.records.push(SignedRecord.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.records$
              }))
              break
            }
            case 3: {
              obj.more = reader.bool()
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
        const obj = {
          records: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield * Head.codec().stream(reader, reader.uint32(), `${prefix}.head`, {
                limits: opts.limits?.head
              })

              break
            }
            case 2: {
              if (opts.limits?.records != null && obj.records === opts.limits.records) {
                throw new MaxLengthError('Streaming decode error - repeated field "records" had too many elements')
              }

              for (const evt of SignedRecord.codec().stream(reader, reader.uint32(), `${prefix}.records[]`, {
                limits: opts.limits?.records$
              })) {
                yield {
                  ...evt,
                  index: obj.records
                }
              }

              obj.records++

              break
            }
            case 3: {
              yield {
                field: `${prefix}.more`,
                value: reader.bool()
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

  export interface SinceAnswerHeadOriginFieldEvent {
    field: '$.head.origin'
    value: string
  }

  export interface SinceAnswerHeadNumberFieldEvent {
    field: '$.head.number'
    value: number
  }

  export interface SinceAnswerHeadDigestFieldEvent {
    field: '$.head.digest'
    value: Uint8Array<ArrayBuffer>
  }

  export interface SinceAnswerRecordsBodyFieldEvent {
    field: '$.records[].body'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface SinceAnswerRecordsSignatureFieldEvent {
    field: '$.records[].signature'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface SinceAnswerMoreFieldEvent {
    field: '$.more'
    value: boolean
  }

  export function encode (obj: Partial<SinceAnswer>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SinceAnswer.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SinceAnswer>): SinceAnswer {
    return decodeMessage(buf, SinceAnswer.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SinceAnswer>): Generator<SinceAnswerHeadOriginFieldEvent | SinceAnswerHeadNumberFieldEvent | SinceAnswerHeadDigestFieldEvent | SinceAnswerRecordsBodyFieldEvent | SinceAnswerRecordsSignatureFieldEvent | SinceAnswerMoreFieldEvent> {
    return streamMessage(buf, SinceAnswer.codec(), opts)
  }
}

export interface ListRequest {
  origin: string
  above: number
}

export namespace ListRequest {
  let _codec: Codec<ListRequest>

  export const codec = (): Codec<ListRequest> => {
    if (_codec == null) {
      _codec = message<ListRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.origin != null && obj.origin !== '')) {
          w.uint32(10)
          w.string(obj.origin)
        }

        if ((obj.above != null && obj.above !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.above)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          origin: '',
          above: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.origin = reader.string()
              break
            }
            case 2: {
              obj.above = reader.uint64Number()
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
                field: `${prefix}.origin`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.above`,
                value: reader.uint64Number()
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

  export interface ListRequestOriginFieldEvent {
    field: '$.origin'
    value: string
  }

  export interface ListRequestAboveFieldEvent {
    field: '$.above'
    value: number
  }

  export function encode (obj: Partial<ListRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, ListRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ListRequest>): ListRequest {
    return decodeMessage(buf, ListRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ListRequest>): Generator<ListRequestOriginFieldEvent | ListRequestAboveFieldEvent> {
    return streamMessage(buf, ListRequest.codec(), opts)
  }
}

export interface ListAnswer {
  head?: Head
  entries: Uint8Array<ArrayBuffer>
  more: boolean
}

export namespace ListAnswer {
  let _codec: Codec<ListAnswer>

  export const codec = (): Codec<ListAnswer> => {
    if (_codec == null) {
      _codec = message<ListAnswer>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.head != null) {
          w.uint32(10)
          Head.codec().encode(obj.head, w)
        }

        if ((obj.entries != null && obj.entries.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.entries)
        }

        if ((obj.more != null && obj.more !== false)) {
          w.uint32(24)
          w.bool(obj.more)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          entries: uint8ArrayAlloc(0),
          more: false
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.head = Head.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.head
              })
              break
            }
            case 2: {
              obj.entries = reader.bytes()
              break
            }
            case 3: {
              obj.more = reader.bool()
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
              yield * Head.codec().stream(reader, reader.uint32(), `${prefix}.head`, {
                limits: opts.limits?.head
              })

              break
            }
            case 2: {
              yield {
                field: `${prefix}.entries`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.more`,
                value: reader.bool()
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

  export interface ListAnswerHeadOriginFieldEvent {
    field: '$.head.origin'
    value: string
  }

  export interface ListAnswerHeadNumberFieldEvent {
    field: '$.head.number'
    value: number
  }

  export interface ListAnswerHeadDigestFieldEvent {
    field: '$.head.digest'
    value: Uint8Array<ArrayBuffer>
  }

  export interface ListAnswerEntriesFieldEvent {
    field: '$.entries'
    value: Uint8Array<ArrayBuffer>
  }

  export interface ListAnswerMoreFieldEvent {
    field: '$.more'
    value: boolean
  }

  export function encode (obj: Partial<ListAnswer>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, ListAnswer.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ListAnswer>): ListAnswer {
    return decodeMessage(buf, ListAnswer.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ListAnswer>): Generator<ListAnswerHeadOriginFieldEvent | ListAnswerHeadNumberFieldEvent | ListAnswerHeadDigestFieldEvent | ListAnswerEntriesFieldEvent | ListAnswerMoreFieldEvent> {
    return streamMessage(buf, ListAnswer.codec(), opts)
  }
}

export interface RecordsRequest {
  origin: string
  numbers: Uint8Array<ArrayBuffer>
}

export namespace RecordsRequest {
  let _codec: Codec<RecordsRequest>

  export const codec = (): Codec<RecordsRequest> => {
    if (_codec == null) {
      _codec = message<RecordsRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.origin != null && obj.origin !== '')) {
          w.uint32(10)
          w.string(obj.origin)
        }

        if ((obj.numbers != null && obj.numbers.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.numbers)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          origin: '',
          numbers: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.origin = reader.string()
              break
            }
            case 2: {
              obj.numbers = reader.bytes()
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
                field: `${prefix}.origin`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.numbers`,
                value: reader.bytes()
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

  export interface RecordsRequestOriginFieldEvent {
    field: '$.origin'
    value: string
  }

  export interface RecordsRequestNumbersFieldEvent {
    field: '$.numbers'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<RecordsRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, RecordsRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RecordsRequest>): RecordsRequest {
    return decodeMessage(buf, RecordsRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<RecordsRequest>): Generator<RecordsRequestOriginFieldEvent | RecordsRequestNumbersFieldEvent> {
    return streamMessage(buf, RecordsRequest.codec(), opts)
  }
}

export interface HistoryRequest {
  name: string
  origin: string
}

export namespace HistoryRequest {
  let _codec: Codec<HistoryRequest>

  export const codec = (): Codec<HistoryRequest> => {
    if (_codec == null) {
      _codec = message<HistoryRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(10)
          w.string(obj.name)
        }

        if ((obj.origin != null && obj.origin !== '')) {
          w.uint32(18)
          w.string(obj.origin)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          name: '',
          origin: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.name = reader.string()
              break
            }
            case 2: {
              obj.origin = reader.string()
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
                field: `${prefix}.name`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.origin`,
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

  export interface HistoryRequestNameFieldEvent {
    field: '$.name'
    value: string
  }

  export interface HistoryRequestOriginFieldEvent {
    field: '$.origin'
    value: string
  }

  export function encode (obj: Partial<HistoryRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, HistoryRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<HistoryRequest>): HistoryRequest {
    return decodeMessage(buf, HistoryRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<HistoryRequest>): Generator<HistoryRequestNameFieldEvent | HistoryRequestOriginFieldEvent> {
    return streamMessage(buf, HistoryRequest.codec(), opts)
  }
}

export interface Records {
  records: SignedRecord[]
}

export namespace Records {
  let _codec: Codec<Records>

  export const codec = (): Codec<Records> => {
    if (_codec == null) {
      _codec = message<Records>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.records != null && obj.records.length > 0) {
          for (const value of obj.records) {
            w.uint32(10)
            SignedRecord.codec().encode(value, w)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          records: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.records != null && obj.records.length === opts.limits.records) {
                throw new MaxLengthError('Decode error - repeated field "records" had too many elements')
              }

              obj.records.push(SignedRecord.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.records$
              }))
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
        const obj = {
          records: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.records != null && obj.records === opts.limits.records) {
                throw new MaxLengthError('Streaming decode error - repeated field "records" had too many elements')
              }

              for (const evt of SignedRecord.codec().stream(reader, reader.uint32(), `${prefix}.records[]`, {
                limits: opts.limits?.records$
              })) {
                yield {
                  ...evt,
                  index: obj.records
                }
              }

              obj.records++

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

  export interface RecordsRecordsBodyFieldEvent {
    field: '$.records[].body'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface RecordsRecordsSignatureFieldEvent {
    field: '$.records[].signature'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export function encode (obj: Partial<Records>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Records.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Records>): Records {
    return decodeMessage(buf, Records.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Records>): Generator<RecordsRecordsBodyFieldEvent | RecordsRecordsSignatureFieldEvent> {
    return streamMessage(buf, Records.codec(), opts)
  }
}
