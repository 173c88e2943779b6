// What files looked like when a version of them was kept, and which kept file has their bytes: so that what is unchanged is
// neither read nor copied again. A row is a reason not to look, never a proof.

import { CID } from 'multiformats/cid'
import { type Fingerprint, sameFile } from '../content/fingerprint.ts'
import { type Database, del, put, type Table, type Write } from './database.ts'
import { type FileFacts, type FileTable, isSettled } from './file-table.ts'

/** A file in its own place, when it was kept. */
export interface SourceFacts {
  readonly path: string
  readonly fingerprint: Fingerprint
  readonly cid: CID
  readonly tsize: number
  readonly executable: boolean
  /** When its copy was begun, in milliseconds since the epoch. */
  readonly stampedAt: number
  /** The number of the kept file that has its bytes. */
  readonly twin: number
}

export interface KnownSource {
  readonly source: SourceFacts
  /** Undefined where it is kept no more. */
  readonly twin: FileFacts | undefined
}

type FingerprintRow = readonly [dev: string, ino: string, size: string, mtimeNs: string, ctimeNs: string]

interface SourceRow {
  readonly fingerprint: FingerprintRow
  readonly cid: string
  readonly tsize: number
  readonly executable: boolean
  readonly stampedAt: number
  readonly twin: number
}

export class SourceTable {
  readonly #rows: Table<string, SourceRow>
  readonly #files: FileTable

  constructor(database: Database, files: FileTable) {
    this.#rows = database.table<SourceRow>('sources')
    this.#files = files
  }

  /** What is known of files at these paths that look as they did; undefined for those that changed, or may have. */
  async findUnchanged(
    files: readonly { readonly absolute: string; readonly fingerprint: Fingerprint }[]
  ): Promise<(KnownSource | undefined)[]> {
    const rows = await this.#rows.getMany(files.map(file => file.absolute))
    const sources = files.map(({ absolute, fingerprint }, i) => {
      const row = rows[i]
      const source = row === undefined ? undefined : fromRow(absolute, row)
      return source !== undefined && sameFile(source.fingerprint, fingerprint) && isSettled(source) ? source : undefined
    })
    const known = sources.filter(source => source !== undefined)
    const twins = await this.#files.facts(known.map(source => source.twin))
    let at = 0
    return sources.map(source => (source === undefined ? undefined : { source, twin: twins[at++] }))
  }

  put({ path, fingerprint, cid, ...facts }: SourceFacts): Write {
    return put(this.#rows, path, { ...facts, cid: cid.toString(), fingerprint: toFingerprintRow(fingerprint) })
  }

  /** The writes that forget those of these paths whose bytes these kept files had. */
  async forget(paths: readonly string[], twins: ReadonlySet<number>): Promise<Write[]> {
    const rows = await this.#rows.getMany([...paths])
    return paths.filter((_, i) => twins.has(rows[i]?.twin ?? -1)).map(path => del(this.#rows, path))
  }
}

function fromRow(path: string, { fingerprint, cid, ...row }: SourceRow): SourceFacts {
  return { ...row, path, fingerprint: fromFingerprintRow(fingerprint), cid: CID.parse(cid) }
}

function toFingerprintRow({ dev, ino, size, mtimeNs, ctimeNs }: Fingerprint): FingerprintRow {
  return [String(dev), String(ino), String(size), String(mtimeNs), String(ctimeNs)]
}

function fromFingerprintRow([dev, ino, size, mtimeNs, ctimeNs]: FingerprintRow): Fingerprint {
  return {
    dev: BigInt(dev),
    ino: BigInt(ino),
    size: BigInt(size),
    mtimeNs: BigInt(mtimeNs),
    ctimeNs: BigInt(ctimeNs)
  }
}
