// What programs import from 'pathmesh'. Loads the client alone: no libp2p, no level, no zod.

export type {
  Dropped,
  Entry,
  Invite,
  Kind,
  Meta,
  Name,
  Peer,
  Progress,
  Stat,
  Status,
  Transfer,
  Unshared
} from '../proto/api.ts'
export { PathmeshError, hasCode, type ErrorCode } from '../proto/errors.ts'
export type { PathJson } from '../proto/path-json.ts'
export type { CallOptions, RangeOptions, WaitOptions } from './calls.ts'
export type { GetOptions, GetResult } from './get.ts'
export { connect, Mesh, type ConnectOptions, type PathLike, type Shared } from './mesh.ts'
export { Path, type WriteData, type WriteOptions } from './path.ts'
export type { Publication, PublishOptions, ShareOptions } from './share.ts'
export type { Version } from './version.ts'
export { Work } from './work.ts'
