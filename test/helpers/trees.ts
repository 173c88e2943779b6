// Owns trees for tests: models of them, their blocks in memory, and the same written to a disk.
// Refuses nothing: hostile blocks are made here too.

import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PBLink, encode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import type { Branches } from '../../daemon/content/branches.ts'
import { buildDirectory, buildSymlink } from '../../daemon/content/directory.ts'
import { type Branch, type Built, buildFile, leafCount, leafRange, wrapLeaf } from '../../daemon/content/file-dag.ts'
import { DAG_PB, type HashName, cidOf, digest, hashCode } from '../../daemon/content/multihash.ts'

export type Tree =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly executable: boolean }
  | { readonly kind: 'directory'; readonly entries: readonly (readonly [string, Tree])[] }
  | { readonly kind: 'symlink'; readonly target: string }

export const file = (bytes: Uint8Array | string = '', executable = false): Tree => ({
  kind: 'file',
  bytes: Buffer.from(bytes),
  executable
})
export const directory = (entries: Record<string, Tree>): Tree => ({
  kind: 'directory',
  entries: Object.entries(entries)
})
export const link = (target: string): Tree => ({ kind: 'symlink', target })

/** Branches in memory, which counts what is asked for. */
export class MemoryBranches implements Branches {
  readonly #blocks = new Map<string, Uint8Array>()
  readonly asked: string[] = []

  add(...branches: readonly Branch[]): this {
    for (const { cid, bytes } of branches) this.#blocks.set(cid.toString(), bytes)
    return this
  }

  async get(cid: CID): Promise<Uint8Array | undefined> {
    this.asked.push(cid.toString())
    return this.#blocks.get(cid.toString())
  }
}

/** The digests of the leaves of a content. */
export function leafDigests(bytes: Uint8Array, hash: HashName): Uint8Array {
  const digests = Array.from({ length: leafCount(bytes.length) }, (_, index) => {
    const { offset, length } = leafRange(bytes.length, index)
    return digest(hashCode(hash), bytes.subarray(offset, offset + length))
  })
  return Buffer.concat(digests)
}

/** Builds a tree, and adds its branches, wrapped leaves included, to `store`. */
export function buildTree(tree: Tree, hash: HashName, store = new MemoryBranches()): Built & { store: MemoryBranches } {
  const built = buildNode(tree, hash, store)
  store.add(...built.branches)
  return { ...built, store }
}

function buildNode(tree: Tree, hash: HashName, store: MemoryBranches): Built {
  if (tree.kind === 'symlink') return buildSymlink(tree.target, hash)
  if (tree.kind === 'directory') {
    const entries = tree.entries.map(([name, child]) => {
      const { cid, tsize } = buildTree(child, hash, store)
      return { name, cid, tsize }
    })
    return buildDirectory(entries, hash)
  }
  const { bytes, executable } = tree
  const leaves = leafDigests(bytes, hash)
  if (!executable || leafCount(bytes.length) > 1) return buildFile({ leaves, size: bytes.length, executable, hash })
  const { cid, block } = wrapLeaf(bytes, hash)
  store.add({ cid, bytes: block })
  return buildFile({ leaves, size: bytes.length, executable, hash, wrapped: { cid, size: block.length } })
}

/** Writes a tree to `path`, which must not exist. */
export async function writeTree(tree: Tree, path: string): Promise<void> {
  if (tree.kind === 'symlink') return symlink(tree.target, path)
  if (tree.kind === 'file') {
    await writeFile(path, tree.bytes)
    return chmod(path, tree.executable ? 0o755 : 0o644)
  }
  await mkdir(path)
  for (const [name, child] of tree.entries) await writeTree(child, join(path, name))
}

/** A folder of its own for one test. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'pathmesh-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** A dag-pb block with these UnixFS bytes, of whatever content. */
export function blockOf(data: Uint8Array | ConstructorParameters<typeof UnixFS>[0], links: PBLink[] = []): Branch {
  const bytes = encode({ Data: data instanceof Uint8Array ? data : new UnixFS(data).marshal(), Links: links })
  return { cid: cidOf(DAG_PB, 'blake3', bytes), bytes }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** For assert.rejects and assert.throws: an error of this code whose message matches. */
export function failsWith(code: string, message = /(?:)/): (error: unknown) => boolean {
  return error => {
    if (!(error instanceof Error) || !('code' in error)) throw error
    if (error.code === code && message.test(error.message)) return true
    throw new Error(`expected ${code} ${message.source}, got ${String(error.code)}: ${error.message}`, { cause: error })
  }
}
