// Removing the local copy of something: fetched content, a kept version, or what a transfer has written so far. Refuses what is
// shared from where it lies, and what is a part of something else.

import type { Transfers } from '../exchange/transfers.ts'
import type { Holding } from '../store/holding-table.ts'
import type { Store } from '../store/store.ts'
import type { Dropped } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import type { Resolved } from './resolve.ts'

export interface DropParts {
  readonly store: Store
  readonly transfers: Transfers<Holding>
}

/** IN_USE while it is being fetched, or a program reads it. */
export async function dropCopy(
  text: string,
  { entry, root }: Resolved,
  { store, transfers }: DropParts
): Promise<Dropped> {
  const { cid } = entry
  if (transfers.isRunning(cid.toString()))
    throw new PathmeshError('IN_USE', `${text} is being fetched: cancel that first`)
  const copies = (await store.holdingsOf(cid)).filter(({ class: kind }) => kind !== 'in-place')
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
