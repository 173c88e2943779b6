// Where blocks lie: every file that is served, its fingerprint, and which leaf is at which place of which file. A row says
// what was true when the file was hashed; whoever reads must compare the fingerprint. Rows of dead files are skipped.

import { CID } from 'multiformats/cid'
import { RAW } from '../content/multihash.ts'
import { type Fingerprint, sameContentStamp, sameFile } from '../content/fingerprint.ts'
import type { Database, Table, Write } from './database.ts'
import { del, put } from './database.ts'

/**
 * `in-place`: somebody else's file, served from where it lies. `managed`: fetched, read-only, below `content/`. `kept`: of an
 * own version, below `kept/`; it may be a link to a file of somebody else's.
 */
export type FileClass = 'in-place' | 'managed' | 'kept'

export interface FileFacts {
  readonly path: string
  readonly fingerprint: Fingerprint
  /** The file's own root. */
  readonly cid: CID
  /** Bytes of the whole DAG, which a directory's link records. */
  readonly tsize: number
  readonly executable: boolean
  /** When hashing began, in milliseconds since the epoch. */
  readonly stampedAt: number
  readonly class: FileClass
}

/** A file that holds a block: as its leaf number `index`, as the whole file, or wrapped with its mode in one block. */
export interface Place {
  readonly fileId: number
  readonly facts: FileFacts
  readonly index: number | 'whole' | 'wrapped'
}

export interface Found {
  readonly facts: readonly (FileFacts | undefined)[]
  readonly stale: readonly Write[]
}

export type FingerprintRow = readonly [dev: string, ino: string, size: string, mtimeNs: string, ctimeNs: string]

interface FileRow {
  readonly path: string
  readonly fingerprint: FingerprintRow
  readonly cid: string
  readonly tsize: number
  readonly executable: boolean
  readonly stampedAt: number
  readonly class: FileClass
}

const ID_BYTES = 6
const IDS_RESERVED = 4096
const WHOLE = 0xffff_ffff
const WRAPPED = 0xffff_fffe
/** A change within the clock's tick of the file system would not show in the times: hash again when they are that fresh. */
const SETTLED_MS = 20

export class FileTable {
  readonly #files: Table<string, FileRow>
  readonly #paths: Table<string, string>
  readonly #inodes: Table<string, string>
  readonly #places: Table<Uint8Array, Uint8Array>
  /** Of a file of one leaf: the newest with that content, found without a search. */
  readonly #single: Table<Uint8Array, string>
  readonly #counter: Table<string, number>
  #nextId = 0
  #reserved = 0

  constructor(database: Database) {
    this.#files = database.table<FileRow>('files')
    this.#paths = database.table<string>('paths')
    this.#inodes = database.table<string>('inodes')
    this.#places = database.bytesTable('places')
    this.#single = database.keysTable('single')
    this.#counter = database.table<number>('counters')
  }

  async open(): Promise<void> {
    this.#nextId = this.#reserved = (await this.#counter.get('files')) ?? 1
  }

  /**
   * What is known of in-place files at these paths with these fingerprints, undefined where they must be hashed; and the
   * writes that forget what is no longer true of them. A file that was renamed is found by its inode.
   */
  async findUnchanged(files: readonly { readonly path: string; readonly fingerprint: Fingerprint }[]): Promise<Found> {
    const byPath = await this.#paths.getMany(files.map(file => file.path))
    const missing = files.flatMap((file, i) =>
      byPath[i] === undefined ? [{ i, key: inodeKey(file.fingerprint) }] : []
    )
    const byInode = await this.#inodes.getMany(missing.map(({ key }) => key))
    missing.forEach(({ i }, n) => (byPath[i] = byInode[n]))
    const known = byPath.flatMap((id, i) => (id === undefined ? [] : [{ i, id }]))
    const rows = await this.#files.getMany(known.map(({ id }) => id))
    const facts = Array.from({ length: files.length }, (): FileFacts | undefined => undefined)
    const stale: Write[] = []
    known.forEach(({ i, id }, n) => {
      const [file, row] = [files[i], rows[n]]
      if (file === undefined || row === undefined) return
      const known = fromRow(row)
      if (isSame(known, file.fingerprint) && isSettled(known)) facts[i] = known
      else if (known.path === file.path && !sameContentStamp(known.fingerprint, file.fingerprint))
        stale.push(del(this.#files, id))
    })
    return { facts, stale }
  }

  /** Files by their numbers, undefined where one is not known any more. */
  async facts(ids: readonly number[]): Promise<(FileFacts | undefined)[]> {
    const rows = await this.#files.getMany(ids.map(idText))
    return rows.map(row => (row === undefined ? undefined : fromRow(row)))
  }

  /**
   * The writes that make a file known, with its leaves: concatenated 32-byte digests, of a multihash with this prefix. Returns
   * the number of the file.
   */
  *add(facts: FileFacts, leaves: Uint8Array, wrapped: boolean): Generator<Write, number> {
    const id = this.#nextId++
    if (id >= this.#reserved) yield put(this.#counter, 'files', (this.#reserved = id + IDS_RESERVED))
    const key = idText(id)
    yield put(this.#files, key, toRow(facts))
    if (facts.class === 'in-place') {
      yield put(this.#paths, facts.path, key)
      yield put(this.#inodes, inodeKey(facts.fingerprint), key)
    }
    const prefix = facts.cid.multihash.bytes.subarray(0, 2)
    if (wrapped || leaves.length === 32) yield put(this.#single, facts.cid.multihash.bytes, key)
    if (wrapped || leaves.length > 32)
      yield put(this.#places, placeKey(facts.cid.multihash.bytes, id), indexBytes(wrapped ? WRAPPED : WHOLE))
    if (wrapped) return id
    for (let at = 0, index = 0; at < leaves.length; at += 32, index++) {
      const multihash = new Uint8Array(34)
      multihash.set(prefix)
      multihash.set(leaves.subarray(at, at + 32), 2)
      yield put(this.#places, placeKey(multihash, id), indexBytes(index))
    }
    return id
  }

  /** For each block a file that is that block as a whole; undefined where only a search can tell. */
  async single(cids: readonly CID[]): Promise<(Place | undefined)[]> {
    const ids = await this.#single.getMany(cids.map(cid => cid.multihash.bytes))
    const known = ids.flatMap(id => (id === undefined ? [] : [id]))
    const rows = await this.#files.getMany(known)
    const facts = new Map(known.map((id, i) => [id, rows[i]]))
    return ids.map((id, i) => {
      const row = id === undefined ? undefined : facts.get(id)
      if (id === undefined || row === undefined || row.cid !== cids[i]?.toString()) return undefined
      const place = fromRow(row)
      return { fileId: Number.parseInt(id, 16), facts: place, index: place.cid.code === RAW ? 0 : 'wrapped' }
    })
  }

  /** Living files that hold this block, the newest first. */
  async *places(cid: CID): AsyncGenerator<Place> {
    const multihash = cid.multihash.bytes
    for await (const [key, value] of this.#places.iterator({
      gte: placeKey(multihash, 0),
      lt: placeKey(multihash, 2 ** (8 * ID_BYTES) - 1),
      reverse: true
    })) {
      const fileId = Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(key.length - ID_BYTES, ID_BYTES)
      const row = await this.#files.get(idText(fileId))
      if (row === undefined) await this.#places.del(key)
      else yield { fileId, facts: fromRow(row), index: readIndex(value) }
    }
  }

  /** Files that are added from now on have this number or a higher one. */
  get nextId(): number {
    return this.#nextId
  }

  /** The writes that make a file unknown, and take out every row of it. */
  *forget({ fileId, facts }: Pick<Place, 'fileId' | 'facts'>, leaves: Uint8Array): Generator<Write> {
    yield this.remove(fileId)
    const multihash = facts.cid.multihash.bytes
    yield del(this.#places, placeKey(multihash, fileId))
    for (let at = 0; at < leaves.length; at += 32) {
      const leaf = new Uint8Array(34)
      leaf.set(multihash.subarray(0, 2))
      leaf.set(leaves.subarray(at, at + 32), 2)
      yield del(this.#places, placeKey(leaf, fileId))
    }
  }

  /** The writes that forget which file is found first for each of these blocks, where it is one of those. */
  async forgetSingle(cids: readonly CID[], ids: ReadonlySet<number>): Promise<Write[]> {
    const keys = cids.map(cid => cid.multihash.bytes)
    const known = await this.#single.getMany(keys)
    return keys.filter((_, i) => ids.has(Number.parseInt(known[i] ?? '', 16))).map(key => del(this.#single, key))
  }

  /** The write that makes a file unknown. Its other rows are skipped from then on. */
  remove(fileId: number): Write {
    return del(this.#files, idText(fileId))
  }
}

const isSame = (facts: FileFacts, seen: Fingerprint): boolean => sameFile(facts.fingerprint, seen)

/** Whether a change since it was stamped would show. */
export function isSettled({ fingerprint, stampedAt }: Pick<FileFacts, 'fingerprint' | 'stampedAt'>): boolean {
  return (
    Number(fingerprint.mtimeNs / 1_000_000n) + SETTLED_MS < stampedAt &&
    Number(fingerprint.ctimeNs / 1_000_000n) + SETTLED_MS < stampedAt
  )
}

const inodeKey = ({ dev, ino }: Fingerprint): string => `${dev}:${ino}`
const idText = (id: number): string => id.toString(16).padStart(2 * ID_BYTES, '0')

function placeKey(multihash: Uint8Array, fileId: number): Uint8Array {
  const key = Buffer.alloc(multihash.length + ID_BYTES)
  key.set(multihash)
  key.writeUIntBE(fileId, multihash.length, ID_BYTES)
  return key
}

function indexBytes(index: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(index)
  return bytes
}

function readIndex(value: Uint8Array): Place['index'] {
  const index = new DataView(value.buffer, value.byteOffset, 4).getUint32(0)
  return index === WHOLE ? 'whole' : index === WRAPPED ? 'wrapped' : index
}

function toRow({ fingerprint, cid, ...facts }: FileFacts): FileRow {
  return { ...facts, cid: cid.toString(), fingerprint: toFingerprintRow(fingerprint) }
}

function fromRow({ fingerprint, cid, ...row }: FileRow): FileFacts {
  return { ...row, cid: CID.parse(cid), fingerprint: fromFingerprintRow(fingerprint) }
}

export function toFingerprintRow({ dev, ino, size, mtimeNs, ctimeNs }: Fingerprint): FingerprintRow {
  return [String(dev), String(ino), String(size), String(mtimeNs), String(ctimeNs)]
}

export function fromFingerprintRow([dev, ino, size, mtimeNs, ctimeNs]: FingerprintRow): Fingerprint {
  return {
    dev: BigInt(dev),
    ino: BigInt(ino),
    size: BigInt(size),
    mtimeNs: BigInt(mtimeNs),
    ctimeNs: BigInt(ctimeNs)
  }
}
