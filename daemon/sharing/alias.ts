// Another name for a version of anybody: a record of this node that says the same root. No bytes move.

import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Branches } from '../content/branches.ts'
import { walkTree } from '../content/walk.ts'
import type { Write } from '../store/database.ts'
import type { Store } from '../store/store.ts'
import type { AliasRequest, Shared } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { publishedName } from '../../proto/ref.ts'
import { urlOf } from './names.ts'
import type { Retention } from './keep-retention.ts'
import type { Resolved } from './resolve.ts'

export interface AliasParts {
  readonly store: Store
  readonly catalogue: Catalogue<Write>
  readonly retention: Retention
}

/** NAME_CONFLICT as for any name that is published; INVALID_ARGUMENT for what is no file or directory. */
export async function aliasVersion(
  request: AliasRequest,
  resolved: Resolved,
  branches: Branches,
  parts: AliasParts,
  signal: AbortSignal
): Promise<Omit<Shared, 'copies'>> {
  const { store, catalogue, retention } = parts
  const { entry, record, root, sub, beyond } = resolved
  const name = publishedName(request.name)
  const { kind, cid } = entry
  if (kind === 'symlink')
    throw new PathmeshError('INVALID_ARGUMENT', `${request.ref} is a symbolic link: name what it points to`)
  const size = beyond === '' && record !== null ? record.size : await sizeOf(resolved, branches, signal)
  // Of an alias it is another name for the same: there are no chains.
  const { name: source, origin, seq } = record?.of ?? record ?? { name: '', origin: '', seq: 0 }
  const of = { name: source, origin, seq, root, path: sub }
  const meta = request.meta ?? record?.meta ?? null
  const encoding = beyond === '' ? (record?.encoding ?? null) : null
  const version = { name, root: cid, kind, size, meta, of, encoding, keep: 1, within: root }
  const { record: alias } = await catalogue.own.publish(version, async ({ released }) => ({
    writes: retention.release(released)
  }))
  retention.wake()
  return {
    url: urlOf(alias, (await catalogue.known(name)).length === 1),
    cid: cid.toString(),
    kind,
    size,
    seq: alias.seq,
    origin: alias.origin,
    kept: [...(await store.holdingsOf(root)), ...(await store.holdingsOf(cid))].some(one => one.class !== 'in-place')
  }
}

/** Logical bytes; of a directory inside another nobody has said them. */
async function sizeOf({ entry }: Resolved, branches: Branches, signal: AbortSignal): Promise<number> {
  if (entry.kind === 'file') return entry.size
  let size = 0
  for await (const { kind, size: bytes } of walkTree(entry.cid, branches, { signal }))
    if (kind === 'file') size += bytes
  return size
}
