// What programs import from 'pathmesh'. Loads the client alone: no libp2p, no level, no zod.

export type {
  Change,
  Dropped,
  Entry,
  Kind,
  Meta,
  Name,
  Progress,
  ProviderLine,
  Stat,
  Unshared,
  WatchEvent
} from '../proto/api.ts'
export type {
  EndedTransfer,
  Invite,
  Limits,
  LimitsChange,
  Peer,
  Status,
  Transfer,
  TransferEvent,
  TransferProvider
} from '../proto/node-api.ts'
export { PathmeshError, hasCode, type ErrorCode } from '../proto/errors.ts'
export type { PathJson } from '../proto/path-json.ts'
export type { PayloadJson } from '../proto/payload-json.ts'
export type { Why, WhyPeer, WhyProvider, WhyReference } from '../proto/why-api.ts'
export type { LogLine, Phase, WorkLine } from '../proto/works-api.ts'
export type { CallOptions, RangeOptions, WaitOptions } from './calls.ts'
export type { Codec, Pieces, Source } from './codecs/codec.ts'
export { decode, encode } from './codecs/encode.ts'
export { encodedAs } from './codecs/encoded-as.ts'
export { registerCodec } from './codecs/registry.ts'
export { tensor, type Dtype, type Tensor } from './codecs/tensor.ts'
export type { TensorFile } from './codecs/tensor-file.ts'
export type { GetOptions, GetResult } from './get.ts'
export {
  connect,
  Mesh,
  type Alias,
  type AliasOptions,
  type ConnectOptions,
  type MeshHostOptions,
  type MeshWatchOptions,
  type NamesOptions,
  type PathLike,
  type PayloadOptions,
  type Shared,
  type TransfersOptions
} from './mesh.ts'
export { Path, type WriteData, type WriteOptions } from './path.ts'
export { Payload, type FetchPayloadOptions, type GetPayloadOptions, type PayloadClass } from './payload.ts'
export { Publisher, type PublisherOptions } from './publisher.ts'
export type { PutOptions } from './put.ts'
export type { PathEvent, WaitForOptions, WatchOptions } from './path-watch.ts'
export type { Publication, PublishOptions, ShareOptions } from './share.ts'
export type { FolderEvent, FolderTrouble, FolderWatchOptions, ShareWatchOptions } from './share-watch.ts'
export type { Version } from './version.ts'
export { App, type AppOptions } from './work/app.ts'
export type { CallWorkOptions } from './work/call.ts'
export type { MeshCallOptions } from './work/call-values.ts'
export { Flow } from './work/flow.ts'
export type { HostedWork, HostEvent } from './work/host.ts'
export { Work, type RunOptions, type WorkOptions } from './work/work.ts'
