// Stores for tests, on a real disk, and the two ways content comes to lie in one: shared in place, and put together leaf by
// leaf as a transfer does.

import { join } from 'node:path'
import { leafRange } from '../../daemon/content/file-dag.ts'
import { leaves } from '../../daemon/content/leaves.ts'
import type { Hasher } from '../../daemon/content/hasher.ts'
import { expand, walkTree } from '../../daemon/content/walk.ts'
import { createLog, type Log } from '../../daemon/log.ts'
import { buildInPlace } from '../../daemon/sharing/publish.ts'
import type { Holding } from '../../daemon/store/holding-table.ts'
import type { PartialTree } from '../../daemon/store/partial-tree.ts'
import { Store } from '../../daemon/store/store.ts'
import { ManualClock } from './manual-clock.ts'
import { MemoryBranches, type Tree, buildTree, temporaryFolder } from './trees.ts'

export interface OpenStore {
  readonly data: string
  readonly folder: string
  readonly log: string[]
  store: Store
  /** Closes it and opens it again on the same folder, as after a stop or a crash. */
  reopen(): Promise<Store>
  remove(): Promise<void>
}

/** A store in a folder of its own, `<folder>/data`. */
export async function openStore(): Promise<OpenStore> {
  const temporary = await temporaryFolder()
  const folder = temporary.path
  const data = join(folder, 'data')
  const lines: string[] = []
  const log: Log = createLog(line => lines.push(line), 'debug')
  const open = () => Store.open({ data, clock: new ManualClock(Date.now()), random: Math.random, log })
  const opened: OpenStore = {
    data,
    folder,
    log: lines,
    store: await open(),
    async reopen() {
      await opened.store.close()
      return (opened.store = await open())
    },
    async remove() {
      await opened.store.close()
      await temporary.remove()
    }
  }
  return opened
}

/** Shares what lies at `path`, as far as the store goes. */
export async function holdInPlace(
  store: Store,
  hasher: Hasher,
  path: string,
  hash: 'blake3' | 'sha2-256' = 'blake3'
): Promise<Holding> {
  const signal = new AbortController().signal
  const holding = await buildInPlace(path, { store, hasher }, { hash, signal, onProgress: () => undefined })
  await store.database.commit([store.holdings.put(holding)])
  store.holdings.remember(holding)
  return holding
}

export interface Begun {
  readonly tree: Tree
  readonly built: ReturnType<typeof buildTree>
  readonly partial: PartialTree
}

/** Begins to put a tree together: its branches are kept, nothing of its content is written. */
export async function begin(store: Store, tree: Tree, basename = 'name', of?: string): Promise<Begun> {
  const built = buildTree(tree, 'blake3', new MemoryBranches())
  const branches = await Promise.all(
    [...new Set(await branchesOf(built))].map(async cid => {
      const bytes = await built.store.get(cid)
      return bytes === undefined ? [] : [store.branches.put(cid, bytes)]
    })
  )
  await store.database.commit(branches.flat())
  return { tree, built, partial: await store.startPartial(built.cid, { basename, of }) }
}

/** Writes what `partial` lacks, all of it or so many leaves; how many it wrote. */
export async function write({ tree, built, partial }: Begun, most = Infinity): Promise<number> {
  let [ordinal, wrote] = [0, 0]
  for await (const entry of walkTree(built.cid, built.store, { size: tree.kind === 'file' ? tree.bytes.length : 0 })) {
    if (entry.kind === 'directory') await partial.makeDirectory(entry.path)
    if (entry.kind !== 'file') continue
    const bytes = bytesAt(tree, entry.path)
    if (entry.cid.code === 0x55 || entry.inline !== undefined) {
      if (!partial.ledger.has(ordinal) && wrote < most) {
        await partial.writeSmall([{ ordinal, path: entry.path, executable: entry.executable, bytes }])
        wrote++
      }
      ordinal++
      continue
    }
    let isWhole = true
    for await (const leaf of leaves(entry.cid, built.store)) {
      if (!partial.ledger.has(ordinal) && wrote < most) {
        const { offset, length } = leafRange(entry.size, leaf.index)
        const { path, size: fileSize, executable } = entry
        const part = bytes.subarray(offset, offset + length)
        const isHole = part.every(byte => byte === 0)
        await partial.writeLeaf({ ordinal, path, fileSize, executable, offset, bytes: isHole ? null : part })
        wrote++
      }
      isWhole &&= partial.ledger.has(ordinal)
      ordinal++
    }
    if (isWhole) await partial.finishLarge(entry.path, entry.size, entry.executable)
  }
  return wrote
}

/** A tree that is held in the store, as after a fetch. */
export async function holdManaged(store: Store, tree: Tree, basename = 'name'): Promise<Holding> {
  const begun = await begin(store, tree, basename)
  await write(begun)
  return store.finish(begun.partial, sizeOf(tree))
}

export function sizeOf(tree: Tree): number {
  if (tree.kind === 'file') return tree.bytes.length
  return tree.kind === 'symlink' ? 0 : tree.entries.reduce((sum, [, child]) => sum + sizeOf(child), 0)
}

export function bytesAt(tree: Tree, path: string): Uint8Array {
  if (path === '' && tree.kind === 'file') return tree.bytes
  const [name, ...rest] = path.split('/')
  const child = tree.kind === 'directory' ? tree.entries.find(([entry]) => entry === name)?.[1] : undefined
  if (child === undefined) throw new RangeError(`the tree has no file ${path}`)
  return bytesAt(child, rest.join('/'))
}

async function branchesOf({
  cid,
  store
}: ReturnType<typeof buildTree>): Promise<ReturnType<typeof buildTree>['cid'][]> {
  const found = new Map([[cid.toString(), cid]])
  for (const branch of found.values()) {
    const bytes = branch.code === 0x70 ? await store.get(branch) : undefined
    if (bytes === undefined) found.delete(branch.toString())
    else for (const child of expand(branch, bytes)) found.set(child.toString(), child)
  }
  return [...found.values()]
}
