// Removing the local copy of something: fetched content, a kept version, or what a transfer has written so far. Refuses what is
// shared from where it lies, and what is a part of something else.

import type { CID } from 'multiformats/cid'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { OwnRecords } from '../catalogue/own-records.ts'
import type { Transfers } from '../exchange/transfers.ts'
import type { Write } from '../store/database.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Store } from '../store/store.ts'
import type { Dropped } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import type { Resolved } from './resolve.ts'

export interface DropParts {
  readonly store: Store
  readonly transfers: Transfers<Holding>
  readonly self: string
  readonly catalogue: Pick<Catalogue<Write>, 'newestOf'> & { readonly own: Pick<OwnRecords<Write>, 'namesOf'> }
}

/** IN_USE while it is being fetched, or a program reads it. */
export async function dropCopy(
  text: string,
  { entry, root }: Resolved,
  { store, transfers, catalogue, self }: DropParts
): Promise<Dropped> {
  const { cid } = entry
  await transfers.settled(cid.toString())
  if (transfers.isRunning(cid.toString()))
    throw new PathmeshError('IN_USE', `${text} is being fetched: cancel that first`)
  await refuseOwn(text, cid, { store, catalogue, self })
  const copies = (await store.holdingsOf(cid)).filter(({ class: kind }) => kind !== 'in-place')
  await store.leases.unlooked(cid)
  for (const copy of copies) await store.remove(copy)
  const [copy] = copies
  if (copy !== undefined) return { roots: 1, files: copy.entries, bytes: copy.size }
  const bytes = await store.discardPartial(cid)
  if (bytes !== undefined) return { roots: 1, files: 0, bytes }
  if (store.holdings.of(cid).length > 0) {
    const why = 'is shared from where it lies, and is not a copy: unshare it instead'
    throw new PathmeshError('INVALID_ARGUMENT', `${text} ${why}`)
  }
  if (!root.equals(cid) && store.holdings.of(root).length > 0)
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${text} is a part of what is here, and goes with the whole of it: drop that`
    )
  return { roots: 0, files: 0, bytes: 0 }
}

/** What was published here and lies nowhere else is no copy: it would be gone, and its name would say that it is there. */
async function refuseOwn(
  text: string,
  cid: CID,
  { store, catalogue, self }: Omit<DropParts, 'transfers'>
): Promise<void> {
  if (store.holdings.of(cid).some(({ class: kind }) => kind === 'in-place')) return
  for (const name of await catalogue.own.namesOf(cid)) {
    if ((await catalogue.newestOf(name, self))?.root.equals(cid) === true)
      throw new PathmeshError(
        'INVALID_ARGUMENT',
        `${text} is what this node publishes as ${name}, and its only copy here: unshare that instead`
      )
  }
}
