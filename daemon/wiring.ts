// How the store's tables and readers look to the parts above it, which do not know it.

import { Catalogue, type CatalogueComponents } from './catalogue/catalogue.ts'
import type { OriginHead } from './catalogue/head.ts'
import type { ByteTable } from './catalogue/tables.ts'
import type { Source } from './exchange/serve.ts'
import { type Database, del, lookUp, lookUpMany, put, type Write } from './store/database.ts'
import type { Store } from './store/store.ts'

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
      commit: writes => database.commit(writes)
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

/** What this node serves: what is in its store. */
export function sourceOf(store: Store): Source {
  return {
    block: cid => store.reader.block(cid),
    branches: cids => store.branches.getMany(cids),
    small: cids => store.reader.small(cids),
    leaves: (file, ranges, signal) => store.reader.leaves(file, ranges, signal),
    held: async root => {
      const holding = await store.findHolding(root)
      return { complete: holding !== undefined, bytes: holding?.size ?? (await store.partialBytes(root)) }
    },
    onAsked: cids => {
      for (const cid of cids) store.leases.served(cid)
    },
    recheck: (file, index) => store.reader.recheck(file, index)
  }
}
