// What the victim is asked to do while it is killed: publications, retirements, fetches into the store and to destinations,
// removals. Each attempt says how to make it, what to note when it is acknowledged, and how to judge what is left if not.

import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mesh } from '../../client/index.ts'
import type { Seeded } from '../helpers/seeded.ts'
import { changeFile, changeTree, makeFile, makeTree } from './contents.ts'
import type { NameState, Oracle } from './oracle.ts'
import { type Snapshot, snapshot } from './snapshot.ts'

export interface Attempt {
  readonly kind: string
  /** Resolves when it is acknowledged, and then has told the oracle. */
  run(victim: Mesh): Promise<void>
  /** The name that it changes. */
  readonly change?: { readonly name: string; readonly state: NameState }
  /** Judges what is left of it, after a restart. */
  settle?(victim: Mesh): Promise<void>
}

export type Kind = 'file' | 'tree'

export class Attempts {
  readonly #oracle: Oracle
  readonly #random: Seeded
  readonly #folder: string
  readonly #provider: Mesh
  #count = 0

  /** `folder`: for sources and destinations. `provider`: another node, which is never killed. */
  constructor(parts: { oracle: Oracle; random: Seeded; folder: string; provider: Mesh }) {
    this.#oracle = parts.oracle
    this.#random = parts.random
    this.#folder = parts.folder
    this.#provider = parts.provider
  }

  readonly makers: readonly (() => Promise<Attempt>)[] = [
    () => this.#shareNew('file'),
    () => this.#shareNew('tree'),
    () => this.#shareAgain(),
    () => this.#shareAgain(),
    () => this.#put('small', 1_000),
    () => this.#put('large', 3_000_000),
    () => this.#unshare(),
    () => this.#getToStore('file'),
    () => this.#getToStore('tree'),
    () => this.#getTo('file', 'nothing'),
    () => this.#getTo('tree', 'nothing'),
    () => this.#getTo('file', 'something'),
    () => this.#getTo('tree', 'something'),
    () => this.#drop()
  ]

  /** One of everything, of whatever there must be something of before. */
  async next(): Promise<Attempt> {
    return this.#random.pick(this.makers)()
  }

  async #shareNew(kind: Kind): Promise<Attempt> {
    const name = `victim/${kind}-${++this.#count}`
    const { source, content } = await this.#source(kind)
    return this.#share(`share a new ${kind}`, name, source, content)
  }

  /** A new version of a name: at the same path, changed, or at another one. A retired name comes back. */
  async #shareAgain(): Promise<Attempt> {
    const names = [...this.#oracle.names]
    if (names.length === 0) return this.#shareNew('file')
    const [name, state] = this.#random.pick(names)
    const kind = name.startsWith('victim/file') ? 'file' : 'tree'
    if (state.version === null || this.#random.chance(0.3)) {
      const { source, content } = await this.#source(kind)
      return this.#share(`share a ${kind} again, from elsewhere`, name, source, content)
    }
    const { source } = state.version
    await (kind === 'file' ? changeFile(source, this.#random) : changeTree(source, this.#random))
    return this.#share(`share a changed ${kind}`, name, source, await lying(source))
  }

  #share(kind: string, name: string, source: string, content: Snapshot): Attempt {
    const state = this.#oracle.next(name, { source, content })
    return {
      kind,
      change: { name, state },
      run: async victim => {
        const shared = await victim.share(source, { as: name })
        assert.equal(shared.seq, state.seq, `${name} was not given the next number`)
        this.#oracle.names.set(name, state)
      }
    }
  }

  /** A Payload, whose bytes lie in a file as well, so that it is judged as files are. */
  async #put(size: string, bytes: number): Promise<Attempt> {
    const name = `victim/file-${++this.#count}`
    const value = this.#random.bytes(bytes)
    const source = join(this.#folder, `put-${this.#count}`)
    await writeFile(source, value)
    const state = this.#oracle.next(name, { source, content: await lying(source) })
    return {
      kind: `put a ${size} Payload`,
      change: { name, state },
      run: async victim => {
        const { seq } = (await victim.put(name, value)).toJSON().$payload
        assert.equal(seq, state.seq, `${name} was not given the next number`)
        this.#oracle.names.set(name, state)
      }
    }
  }

  async #unshare(): Promise<Attempt> {
    const published = [...this.#oracle.names].filter(([, { version }]) => version !== null)
    if (published.length < 3) return this.#shareNew('tree')
    const [name] = this.#random.pick(published)
    const state = this.#oracle.next(name, null)
    return {
      kind: 'unshare',
      change: { name, state },
      run: async victim => {
        assert.equal((await victim.unshare(name)).seq, state.seq)
        this.#oracle.names.set(name, state)
      }
    }
  }

  async #getToStore(kind: Kind): Promise<Attempt> {
    const { ref, content } = await this.#offer(kind)
    const isTriedAgain = this.#random.chance(0.5)
    const run = async (victim: Mesh) => {
      const { path } = await victim.path(ref).get({ lease: 'days' })
      this.#oracle.stored.set(path, { ref, content })
    }
    return {
      kind: `get a ${kind} into the store`,
      run,
      settle: async victim => {
        if (!isTriedAgain) return
        await run(victim)
        await this.#oracle.checkStored([...this.#oracle.stored.keys()].slice(-1))
      }
    }
  }

  async #getTo(kind: Kind, before: 'nothing' | 'something'): Promise<Attempt> {
    const { ref, content } = await this.#offer(kind)
    const to = await this.#destination(before)
    const isTriedAgain = this.#random.chance(0.5)
    const run = async (victim: Mesh) => {
      await victim.path(ref).get({ to, overwrite: true })
      this.#oracle.destinations.set(to, content)
    }
    return {
      kind: `get a ${kind} to where ${before} lies`,
      run,
      settle: async victim => {
        await this.#oracle.settleDestination(to, content)
        if (!isTriedAgain) return
        await run(victim)
        await this.#oracle.checkDestinations([to])
      }
    }
  }

  async #drop(): Promise<Attempt> {
    const stored = [...this.#oracle.stored]
    if (stored.length < 3) return this.#getToStore('file')
    const [path, { ref }] = this.#random.pick(stored)
    return {
      kind: 'drop',
      run: async victim => {
        await victim.drop(ref)
        this.#oracle.stored.delete(path)
        assert.equal(await snapshot(path), undefined, `${path} was dropped and still lies there`)
      },
      settle: async () => {
        if (this.#oracle.stored.has(path)) await this.#oracle.settleDropped(path)
      }
    }
  }

  /** A folder with nothing in it, or one in which an earlier attempt has put something. */
  async #destination(before: 'nothing' | 'something'): Promise<string> {
    const used = [...this.#oracle.destinations].filter(([, content]) => content !== undefined)
    if (before === 'something' && used.length > 0) return this.#random.pick(used)[0]
    const folder = join(this.#folder, `to-${++this.#count}`)
    await mkdir(folder)
    return join(folder, 'here')
  }

  /** Something new that the provider shares. */
  async #offer(kind: Kind): Promise<{ ref: string; content: Snapshot }> {
    const { source, content } = await this.#source(kind)
    const { path } = await this.#provider.share(source, { as: `provider/${kind}-${++this.#count}` })
    return { ref: path.toString(), content }
  }

  async #source(kind: Kind): Promise<{ source: string; content: Snapshot }> {
    const source = join(this.#folder, `source-${++this.#count}`)
    await (kind === 'file' ? makeFile(source, this.#random) : makeTree(source, this.#random))
    return { source, content: await lying(source) }
  }
}

async function lying(path: string): Promise<Snapshot> {
  const found = await snapshot(path)
  assert.ok(found !== undefined, `${path} is missing`)
  return found
}
