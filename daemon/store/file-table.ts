// Where blocks lie: every file that is served, its fingerprint, and which leaf is at which place of which file. A row says
// what was true when the file was hashed; whoever reads must compare the fingerprint. Rows of dead files are skipped.

import type { CID } from 'multiformats/cid'
import { type Fingerprint, sameContentStamp, sameFile } from '../content/fingerprint.ts'
import type { Database, Table, Write } from './database.ts'
import { del, lookUpMany, put } from './database.ts'
import { factsIn, fileRow, idBytes, idIn, inodeKey, placeKey, placeRange } from './file-row.ts'

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

const IDS_RESERVED = 4096
const WHOLE = 0xffff_ffff
const WRAPPED = 0xffff_fffe
/** A change within the clock's tick of the file system would not show in the times: hash again when they are that fresh. */
const SETTLED_MS = 20

export class FileTable {
  readonly #files: Table<Uint8Array, Uint8Array>
  readonly #paths: Table<Uint8Array, Uint8Array>
  readonly #inodes: Table<Uint8Array, Uint8Array>
  readonly #places: Table<Uint8Array, Uint8Array>
  /** Of each block: the newest place, found without a search. */
  readonly #newest: Table<Uint8Array, Uint8Array>
  readonly #counter: Table<string, number>
  #nextId = 0
  #reserved = 0

  constructor(database: Database) {
    this.#files = database.bytesTable('files')
    this.#paths = database.bytesTable('paths')
    this.#inodes = database.bytesTable('inodes')
    this.#places = database.bytesTable('places')
    this.#newest = database.bytesTable('newest-places')
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
    const byPath = await this.#paths.getMany(files.map(file => pathKey(file.path)))
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
      const known = factsIn(row)
      if (isSame(known, file.fingerprint) && isSettled(known)) facts[i] = known
      else if (known.path === file.path && !sameContentStamp(known.fingerprint, file.fingerprint))
        stale.push(del(this.#files, id))
    })
    return { facts, stale }
  }

  /** Files by their numbers, undefined where one is not known any more. */
  async facts(ids: readonly number[]): Promise<(FileFacts | undefined)[]> {
    const rows = await this.#files.getMany(ids.map(idBytes))
    return rows.map(row => (row === undefined ? undefined : factsIn(row)))
  }

  /**
   * The number of a file, and the writes that make it known with its leaves: concatenated 32-byte digests, of a multihash
   * with this prefix.
   */
  add(facts: FileFacts, leaves: Uint8Array, wrapped: boolean): { fileId: number; writes: Iterable<Write> } {
    const fileId = this.#nextId++
    const isOver = fileId >= this.#reserved
    if (isOver) this.#reserved = fileId + IDS_RESERVED
    const reserve = isOver ? [put(this.#counter, 'files', this.#reserved)] : []
    return { fileId, writes: this.#rowsOf(fileId, reserve, facts, leaves, wrapped) }
  }

  *#rowsOf(
    id: number,
    reserve: readonly Write[],
    facts: FileFacts,
    leaves: Uint8Array,
    wrapped: boolean
  ): Generator<Write> {
    yield* reserve
    const key = idBytes(id)
    yield put(this.#files, key, fileRow(facts))
    if (facts.class === 'in-place') {
      yield put(this.#paths, pathKey(facts.path), key)
      yield put(this.#inodes, inodeKey(facts.fingerprint), key)
    }
    const whole = facts.cid.multihash.bytes
    if (wrapped || leaves.length > 32) {
      const index = indexBytes(wrapped ? WRAPPED : WHOLE)
      yield put(this.#places, placeKey(whole, id), index)
      yield put(this.#newest, whole, Buffer.concat([index, key]))
    }
    if (wrapped) return
    const prefix = whole.subarray(0, 2)
    for (let at = 0, index = 0; at < leaves.length; at += 32, index++) {
      const multihash = multihashOf(prefix, leaves, at)
      const bytes = indexBytes(index)
      yield put(this.#places, placeKey(multihash, id), bytes)
      yield put(this.#newest, multihash, Buffer.concat([bytes, key]))
    }
  }

  /** For each block the newest file that has it; undefined where only a search can tell. */
  async newest(cids: readonly CID[]): Promise<(Place | undefined)[]> {
    const found = await lookUpMany(
      this.#newest,
      cids.map(cid => cid.multihash.bytes)
    )
    const rows = await lookUpMany(
      this.#files,
      found.filter(place => place !== undefined).map(place => idBytes(idIn(place)))
    )
    let at = 0
    return found.map(place => {
      const row = place === undefined ? undefined : rows[at++]
      if (place === undefined || row === undefined) return undefined
      return { fileId: idIn(place), facts: factsIn(row), index: readIndex(place) }
    })
  }

  /** For each block a file that is that block as a whole; undefined where only a search can tell. */
  async single(cids: readonly CID[]): Promise<(Place | undefined)[]> {
    const places = await this.newest(cids)
    return places.map((place, i) =>
      place !== undefined && cids[i]?.equals(place.facts.cid) === true ? place : undefined
    )
  }

  /** Living files that hold this block, the newest first. */
  async *places(cid: CID): AsyncGenerator<Place> {
    const multihash = cid.multihash.bytes
    for await (const [key, value] of this.#places.iterator({ ...placeRange(multihash), reverse: true })) {
      const fileId = idIn(key)
      const row = await this.#files.get(idBytes(fileId))
      if (row === undefined) await this.#places.del(key)
      else yield { fileId, facts: factsIn(row), index: readIndex(value) }
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
    for (let at = 0; at < leaves.length; at += 32)
      yield del(this.#places, placeKey(multihashOf(multihash.subarray(0, 2), leaves, at), fileId))
  }

  /** The writes that forget where a file and its leaves are found first, where that is one of these files. */
  async forgetNewest(cid: CID, leaves: Uint8Array, ids: ReadonlySet<number>): Promise<Write[]> {
    const whole = cid.multihash.bytes
    const keys: Uint8Array[] = [whole]
    for (let at = 0; at < leaves.length; at += 32) keys.push(multihashOf(whole.subarray(0, 2), leaves, at))
    const known = await this.#newest.getMany(keys)
    const isOne = (place: Uint8Array | undefined): boolean => place !== undefined && ids.has(idIn(place))
    return keys.filter((_, i) => isOne(known[i])).map(key => del(this.#newest, key))
  }

  /** The write that makes a file unknown. Its other rows are skipped from then on. */
  remove(fileId: number): Write {
    return del(this.#files, idBytes(fileId))
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

const pathKey = (path: string): Uint8Array => Buffer.from(path)

function indexBytes(index: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(index)
  return bytes
}

/** The multihash of the leaf whose digest begins at `at`. */
function multihashOf(prefix: Uint8Array, leaves: Uint8Array, at: number): Uint8Array<ArrayBuffer> {
  const multihash = new Uint8Array(34)
  multihash.set(prefix)
  multihash.set(leaves.subarray(at, at + 32), 2)
  return multihash
}

function readIndex(value: Uint8Array): Place['index'] {
  const index = new DataView(value.buffer, value.byteOffset, 4).getUint32(0)
  return index === WHOLE ? 'whole' : index === WRAPPED ? 'wrapped' : index
}
