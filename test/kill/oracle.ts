// What was acknowledged to the test by a daemon that is killed again and again, and so must be found in it for ever.
// It knows names, paths and hashes of its own; nothing of the daemon's insides. Its complaints are the test's failures.

import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { hasCode, type Mesh, PathmeshError } from '../../client/index.ts'
import { type Snapshot, snapshot } from './snapshot.ts'

export interface Published {
  readonly source: string
  readonly content: Snapshot
}

/** What a name stands for: content, or nothing any more. */
export interface NameState {
  readonly seq: number
  readonly version: Published | null
}

export class Oracle {
  /** Names of the victim, as acknowledged. */
  readonly names = new Map<string, NameState>()
  /** Paths in the victim's store that were handed out, and their references. */
  readonly stored = new Map<string, { readonly ref: string; readonly content: Snapshot }>()
  /** Destinations outside the store; undefined where there must be nothing. */
  readonly destinations = new Map<string, Snapshot | undefined>()
  readonly #prefix: string

  /** `prefix`: all names of the victim begin with it. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** What the name would stand for after the next publication or retirement of it. */
  next(name: string, version: Published | null): NameState {
    return { seq: (this.names.get(name)?.seq ?? 0) + 1, version }
  }

  /**
   * Every name stands where it was acknowledged to, and the one that was being changed there or one further. What was seen
   * once has to stay, so it counts as acknowledged from then on.
   */
  async checkNames(mesh: Mesh, attempted?: { readonly name: string; readonly state: NameState }): Promise<void> {
    const found = new Map<string, number>()
    for await (const { work, path, seq } of mesh.names({ prefix: this.#prefix })) found.set(`${work}/${path}`, seq)
    for (const name of found.keys())
      assert.ok(this.names.has(name) || name === attempted?.name, `${name} was never shared`)
    if (attempted !== undefined && found.get(attempted.name) === seqOf(attempted.state))
      this.names.set(attempted.name, attempted.state)
    for (const [name, state] of this.names)
      assert.equal(found.get(name), seqOf(state), `${name} is not at the version that was acknowledged`)
  }

  /** The content of a name read back by `mesh` is exactly what was acknowledged, or, if the source changed, refused. */
  async checkContent(mesh: Mesh, name: string, scratch: string): Promise<void> {
    const state = this.names.get(name)
    if (state === undefined || state.version === null) return
    const { source, content } = state.version
    const isSourceUnchanged = same(await snapshot(source), content)
    const to = join(scratch, `${basename(name)}-${Math.random().toString(36).slice(2)}`)
    try {
      const got = await mesh.path(name).get({ to, stallMs: isSourceUnchanged ? 10_000 : 300 })
      assert.ok((got.version.seq ?? 0) >= state.seq, `${name} went back to version ${got.version.seq}`)
    } catch (error) {
      if (isSourceUnchanged || !(error instanceof PathmeshError)) throw error
      assert.equal(await snapshot(to), undefined)
      return
    }
    assertSame(await snapshot(to), content, `${name}, read back`)
  }

  async checkStored(paths: Iterable<string> = this.stored.keys()): Promise<void> {
    for (const path of paths) assertSame(await snapshot(path), this.stored.get(path)?.content, path)
  }

  /** What lies at each destination is what was put there, and nothing lies beside it. */
  async checkDestinations(paths: Iterable<string> = this.destinations.keys()): Promise<void> {
    for (const path of paths) {
      assertSame(await snapshot(path), this.destinations.get(path), path)
      await checkNothingBeside(path)
    }
  }

  /** A destination that was being written is what it was or what it was to be; it counts as acknowledged from now on. */
  async settleDestination(to: string, wanted: Snapshot): Promise<void> {
    const now = await snapshot(to)
    const before = this.destinations.get(to)
    assert.ok(same(now, before) || same(now, wanted), `${to} is torn: ${difference(now, wanted)}`)
    this.destinations.set(to, now)
    await checkNothingBeside(to)
  }

  /** A path in the store that was being removed is whole or gone. */
  async settleDropped(path: string): Promise<void> {
    const now = await snapshot(path)
    if (now === undefined) this.stored.delete(path)
    else await this.checkStored([path])
  }

  /** Nothing lies in the store's folder of whole content that the daemon does not hold, and its trash is empty. */
  async checkStoreFolder(mesh: Mesh, data: string): Promise<void> {
    assert.deepEqual(await readdir(join(data, 'trash')), [])
    for (const root of await readdir(join(data, 'content'))) {
      const isHeld = await mesh.path(`ipfs://${root}`).existsLocal()
      assert.ok(isHeld, `content/${root} lies there and is not held`)
    }
  }
}

/** Whether an answer failed because the daemon was killed under it. */
export function isCutOff(error: unknown): boolean {
  return hasCode(error, 'DAEMON_UNREACHABLE') || (error instanceof Error && 'code' in error)
}

async function checkNothingBeside(path: string): Promise<void> {
  const beside = (await readdir(dirname(path))).filter(name => name !== basename(path))
  assert.deepEqual(beside, [], `temporary files beside ${path}`)
}

const seqOf = ({ seq, version }: NameState): number | undefined => (version === null ? undefined : seq)

function same(a: Snapshot | undefined, b: Snapshot | undefined): boolean {
  return difference(a, b) === ''
}

/** The first few paths in which two snapshots differ. */
function difference(a: Snapshot | undefined, b: Snapshot | undefined): string {
  const paths = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])
  return [...paths]
    .filter(path => a?.[path] !== b?.[path])
    .slice(0, 5)
    .map(path => `${JSON.stringify(path)}: ${a?.[path]} and not ${b?.[path]}`)
    .join('; ')
}

function assertSame(now: Snapshot | undefined, expected: Snapshot | undefined, what: string): void {
  const differs = difference(now, expected)
  assert.ok(differs === '', `${what} is not what was acknowledged: ${differs}`)
}
