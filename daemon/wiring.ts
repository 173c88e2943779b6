// How the store's tables and readers look to the parts above it, which do not know it.

import type { CID } from 'multiformats/cid'
import { Catalogue, type CatalogueComponents } from './catalogue/catalogue.ts'
import type { OriginHead } from './catalogue/head.ts'
import type { ByteTable } from './catalogue/tables.ts'
import { leafRange } from './content/file-dag.ts'
import type { Span } from './exchange/provider.ts'
import type { SentLeaf, SmallBlock, Source } from './exchange/serve.ts'
import type { Transfers } from './exchange/transfers.ts'
import { type Database, del, lookUp, lookUpMany, put, type Write } from './store/database.ts'
import type { Holding } from './store/holding-table.ts'
import { openToRead, readFully } from './store/read-file.ts'
import type { Store } from './store/store.ts'
import { hasCode, PathmeshError } from '../proto/errors.ts'

interface HeadRow extends Omit<OriginHead, 'digest'> {
  readonly digest: string
}

/** A catalogue that keeps its records in the store's database. */
export async function openCatalogue(
  { database }: Store,
  parts: Omit<CatalogueComponents<Write>, 'tables'>
): Promise<Catalogue<Write>> {
  const heads = database.table<HeadRow>('heads')
  const counters = database.table<number>('counters')
  const catalogue = new Catalogue<Write>({
    ...parts,
    tables: {
      newest: byteTable(database, 'newest'),
      numbers: byteTable(database, 'numbers'),
      history: byteTable(database, 'history'),
      conflicts: byteTable(database, 'conflicts'),
      feed: byteTable(database, 'feed'),
      roots: byteTable(database, 'own-roots'),
      heads: {
        list: async function* () {
          for await (const [origin, row] of heads.iterator())
            yield [origin, { ...row, digest: Buffer.from(row.digest, 'hex') }]
        },
        put: (origin, head) => put(heads, origin, { ...head, digest: Buffer.from(head.digest).toString('hex') })
      },
      confirmed: {
        get: () => counters.get('confirmed'),
        put: value => put(counters, 'confirmed', value)
      },
      commit: writes => database.commit(writes),
      note: writes => database.note(writes)
    }
  })
  await catalogue.open()
  return catalogue
}

function byteTable(database: Database, name: string): ByteTable<Write> {
  const table = database.bytesTable(name)
  return {
    get: key => lookUp(table, key),
    getMany: keys => lookUpMany(table, keys),
    iterator: range => table.iterator(range),
    put: (key, value) => put(table, key, value),
    del: key => del(table, key)
  }
}

/** What this node serves: what is in its store, and what has come of the roots that it is receiving. */
export function sourceOf(store: Store, transfers: Transfers<Holding>): Source {
  return {
    block: cid => store.reader.block(cid),
    branches: cids => store.branches.getMany(cids),
    small: cids => smallOf(cids, store, transfers),
    leaves: (file, spans, signal) => leavesOf(file, spans, store, transfers, signal),
    held: async root => {
      const holding = await store.findHolding(root)
      return { complete: holding !== undefined, bytes: holding?.size ?? (await store.partialBytes(root)) }
    },
    follow: (root, peer, signal) => transfers.follow(root, peer, signal),
    onAsked: cids => {
      for (const cid of cids) store.leases.served(cid)
    },
    recheck: (file, index) => store.reader.recheck(file, index)
  }
}

async function* smallOf(
  cids: readonly CID[],
  { reader }: Store,
  transfers: Transfers<Holding>
): AsyncGenerator<readonly SmallBlock[]> {
  for await (const blocks of reader.small(cids)) {
    yield await Promise.all(
      blocks.map(async block => {
        const arriving = block.bytes === undefined ? transfers.arriving(block.cid) : undefined
        if (arriving?.has(0) !== true) return block
        const bytes = await readRange(arriving.absolute, 0, arriving.size).catch(() => undefined)
        return { cid: block.cid, bytes }
      })
    )
  }
}

async function* leavesOf(
  file: CID,
  spans: readonly Span[],
  { reader }: Store,
  transfers: Transfers<Holding>,
  signal: AbortSignal
): AsyncGenerator<SentLeaf> {
  const arriving = transfers.arriving(file)
  if (arriving === undefined) {
    yield* reader.leaves(file, spans, signal)
    return
  }
  for (const { from, to } of spans) {
    for (let index = from; index < to; index++) {
      signal.throwIfAborted()
      if (!arriving.has(index)) throw new PathmeshError('NOT_FOUND', `leaf ${index} has not come here yet`)
      const { offset, length } = leafRange(arriving.size, index)
      yield { index, bytes: await readRange(arriving.absolute, offset, length) }
    }
  }
}

/** Bytes of a file that grows. NOT_FOUND where it is no longer there: then it is whole, and lies elsewhere. */
async function readRange(path: string, offset: number, length: number): Promise<Uint8Array> {
  try {
    const handle = await openToRead(path)
    try {
      const bytes = Buffer.allocUnsafeSlow(length)
      if (await readFully(handle, bytes, offset)) return bytes
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!hasCode(error, 'NOT_FOUND')) throw error
  }
  throw new PathmeshError('NOT_FOUND', 'what was asked for has just moved: ask again')
}
