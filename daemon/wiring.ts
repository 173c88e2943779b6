// How the store's tables and readers look to the parts above it, which do not know it.

import { Catalogue, type CatalogueComponents } from './catalogue/catalogue.ts'
import { RecordTable } from './catalogue/record-table.ts'
import type { Source } from './exchange/serve.ts'
import { put, type Write } from './store/database.ts'
import type { Store } from './store/store.ts'

type StoreNeeds = 'records' | 'lastNumber' | 'nodes' | 'commit'

/** A catalogue that keeps its records in the store's database. */
export async function openCatalogue(
  store: Store,
  parts: Omit<CatalogueComponents<Write>, StoreNeeds>
): Promise<Catalogue<Write>> {
  const { database } = store
  const records = database.bytesTable('records')
  const counters = database.table<number>('counters')
  const nodes = database.table<string>('nodes')
  const catalogue = new Catalogue<Write>({
    ...parts,
    records: new RecordTable<Write>({
      get: key => records.get(key),
      iterator: range => records.iterator(range),
      put: (key, value) => put(records, key, value)
    }),
    lastNumber: {
      get: async () => (await counters.get('records')) ?? 0,
      put: value => put(counters, 'records', value)
    },
    nodes: { list: () => nodes.iterator(), put: (peerId, name) => put(nodes, peerId, name) },
    commit: writes => database.commit(writes)
  })
  await catalogue.open()
  return catalogue
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
      return { complete: holding !== undefined, bytes: holding?.size ?? 0 }
    },
    recheck: (file, index) => store.reader.recheck(file, index)
  }
}
