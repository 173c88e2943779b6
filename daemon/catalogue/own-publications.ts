// New versions of own names, many in one write: what comes while a write is under way goes into the next, which ends in one sync
// for all. What lies in each other, or keeps the same bytes from going, waits for the one after. Refuses names inside published ones.

import type { CID } from 'multiformats/cid'
import type { Encoding } from '../../proto/codec.ts'
import type { Meta } from '../../proto/api.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { HEADS_RECORDS_MAX, KEPT_VERSIONS } from '../../proto/limits.ts'
import type { LetGo, OwnRoots } from './own-roots.ts'
import { isAtOrIn, namesAbove } from './paths.ts'
import type { CatalogueRecord, NameRecord, RecordBase, Signed, Source, VersionRecord } from './record.ts'
import type { Records, Staged } from './records.ts'

export interface NewVersion {
  readonly name: string
  readonly root: CID
  readonly kind: 'file' | 'directory'
  readonly size: number
  /** Undefined: none, and whatever it is where the newest version has this content already. */
  readonly meta: Meta | null | undefined
  readonly of?: Source | null
  readonly encoding?: Encoding | null
  /** Versions of this name that are kept, the newest included. */
  readonly keep?: number
  /** The root that it lies in, if that is another: kept for as long. */
  readonly within?: CID
}

/** A version that is about to be made. */
export interface Draft {
  /** Nothing new: the newest version says the same. */
  readonly unchanged: boolean
  /** Roots that no own name will keep any more. */
  readonly released: readonly CID[]
}

export interface Published extends Draft {
  readonly record: VersionRecord
  /** Names that lay inside a directory and are retired with this. */
  readonly retired: readonly NameRecord[]
}

/** What goes into the same write as a version, and what is true once it is on the disk. */
export interface Along<Write> {
  readonly writes: readonly Write[]
  readonly apply?: (() => void) | undefined
}

export type GoAlong<Write, D = Draft> = (draft: D) => Promise<Along<Write>>

/** What a record says, less what this node fills in. */
export type Saying<R extends CatalogueRecord = CatalogueRecord> = R extends CatalogueRecord
  ? Omit<R, Exclude<keyof RecordBase, 'name'>>
  : never

export interface OwnPublicationsParts<Write> {
  readonly self: string
  readonly records: Records<Write>
  readonly roots: OwnRoots<Write>
  /** Runs with nobody else writing records, and nothing that is held going away. */
  inTurn<T>(run: () => Promise<T>): Promise<T>
  /** Signs what is to be said, each with its seq and the numbers that follow. */
  sign(all: readonly { readonly saying: Saying; readonly seq: number }[]): Promise<Signed[]>
  stage(said: readonly Signed[]): Promise<Staged<Write>>
}

interface Request<Write> {
  readonly version: NewVersion
  readonly along: GoAlong<Write>
  readonly resolve: (published: Published) => void
  readonly reject: (error: unknown) => void
}

interface Drafted<Write> extends LetGo<Write> {
  readonly request: Request<Write>
  readonly before: VersionRecord | undefined
  readonly unchanged: boolean
  readonly seq: number
  readonly inside: readonly VersionRecord[]
}

/** Versions in one write: as many as one message to a peer carries. */
const AT_ONCE = HEADS_RECORDS_MAX

export class OwnPublications<Write> {
  readonly #parts: OwnPublicationsParts<Write>
  #waiting: Request<Write>[] = []
  #isRunning = false

  constructor(parts: OwnPublicationsParts<Write>) {
    this.#parts = parts
  }

  /** See `OwnRecords.publish`. */
  publish(version: NewVersion, along: GoAlong<Write>): Promise<Published> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ version, along, resolve, reject })
      if (!this.#isRunning) void this.#run()
    })
  }

  /** See `OwnRecords.admit`. */
  async admit(name: string, kind: NewVersion['kind']): Promise<void> {
    await this.#conflicts(name, kind)
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      let taken: Request<Write>[] = []
      try {
        await this.#parts.inTurn(() => this.#write((taken = this.#take())))
      } catch (error) {
        const failed = taken.length > 0 ? taken.filter(one => !this.#waiting.includes(one)) : this.#waiting.splice(0)
        for (const { reject } of failed) reject(error)
      }
    }
    this.#isRunning = false
  }

  /** The first ones, less those that lie in one before them, or it in them. */
  #take(): Request<Write>[] {
    const taken: Request<Write>[] = []
    const left: Request<Write>[] = []
    const passed: string[] = []
    for (const request of this.#waiting) {
      const { name } = request.version
      const isFree = taken.length < AT_ONCE && !passed.some(other => isAtOrIn(name, other) || isAtOrIn(other, name))
      passed.push(name)
      ;(isFree ? taken : left).push(request)
      if (passed.length >= 4 * AT_ONCE) break
    }
    this.#waiting = [...left, ...this.#waiting.slice(passed.length)]
    return taken
  }

  async #write(taken: readonly Request<Write>[]): Promise<void> {
    const drafted = await this.#allWhoCan(this.#together(await this.#draftAll(taken)), async draft => {
      const { unchanged, released } = draft
      const { writes, apply } = await draft.request.along({ unchanged, released })
      return { ...draft, writes: [...draft.writes, ...writes], apply }
    })
    const said = await this.#parts.sign(drafted.flatMap(sayingsOf))
    const staged = said.length === 0 ? undefined : await this.#parts.stage(said)
    const writes = [...(staged?.writes ?? []), ...drafted.flatMap(({ writes: own }) => own)]
    if (writes.length > 0) await this.#parts.records.tables.commit(writes)
    staged?.apply()
    const records = new Map(said.map(({ record }) => [record.name, record]))
    for (const { apply, request, before, unchanged, released, inside } of drafted) {
      apply?.()
      const record = unchanged ? before : records.get(request.version.name)
      if (record?.type === 'version') request.resolve({ record, unchanged, retired: inside, released })
      else request.reject(new TypeError(`${request.version.name} did not become a version`))
    }
  }

  #draftAll(taken: readonly Request<Write>[]): Promise<Drafted<Write>[]> {
    return this.#allWhoCan(
      taken.map(request => ({ request })),
      ({ request }) => this.#draft(request)
    )
  }

  async #draft(request: Request<Write>): Promise<Drafted<Write>> {
    const { records, roots, self } = this.#parts
    const { version } = request
    const { name, root, kind, keep = KEPT_VERSIONS, within } = version
    const [known, inside] = await Promise.all([records.get(name, self), this.#conflicts(name, kind)])
    const seq = (known?.record.seq ?? 0) + 1
    const before = known?.record.type === 'version' ? known.record : undefined
    if (before !== undefined && saysTheSame(before, version))
      return { request, before, unchanged: true, seq, inside: [], writes: [], released: [], gone: [] }
    // A name that never was has no versions to let go.
    const letGo = await roots.replace(
      { name, root, seq, origin: self },
      { keep, within, isNew: known === undefined },
      inside
    )
    return { request, before, unchanged: false, seq, inside, ...letGo }
  }

  /** Those that do not let go of the same roots: each would take the other for one that keeps them. The others wait. */
  #together(drafted: readonly Drafted<Write>[]): Drafted<Write>[] {
    const gone = new Set<string>()
    const together: Drafted<Write>[] = []
    const later: Request<Write>[] = []
    for (const draft of drafted) {
      const roots = draft.gone.map(String)
      if (roots.some(root => gone.has(root))) later.push(draft.request)
      else together.push(draft)
      for (const root of roots) gone.add(root)
    }
    this.#waiting.unshift(...later)
    return together
  }

  /** What becomes of each; who fails is told, and the others go on. */
  async #allWhoCan<A extends { readonly request: Request<Write> }, B>(
    all: readonly A[],
    run: (one: A) => Promise<B>
  ): Promise<B[]> {
    const done = await Promise.all(
      all.map(one =>
        run(one).catch((error: unknown) => {
          one.request.reject(error)
          return undefined
        })
      )
    )
    return done.filter(one => one !== undefined)
  }

  /** Own names inside `name`; throws where `name` may not be. */
  async #conflicts(name: string, kind: 'file' | 'directory'): Promise<VersionRecord[]> {
    const { records, self } = this.#parts
    const [above, inside] = await Promise.all([
      Promise.all(namesAbove(name).map(async outer => (await records.get(outer, self))?.record)),
      this.#inside(name)
    ])
    const outer = above.find(record => record?.type === 'version')
    if (outer?.type === 'version')
      throw new PathmeshError(
        'NAME_CONFLICT',
        `${name} lies inside ${outer.name}, which is published: write into that ${outer.kind} and publish it, or unshare it first`
      )
    const [first] = inside
    if (first !== undefined && kind === 'file')
      throw new PathmeshError(
        'NAME_CONFLICT',
        `${name} is a file, and ${first.name} is published inside that name: unshare it first`
      )
    return inside
  }

  async #inside(name: string): Promise<VersionRecord[]> {
    const { records, self } = this.#parts
    const inside: VersionRecord[] = []
    for await (const { record } of records.list(`${name}/`))
      if (record.origin === self && record.type === 'version') inside.push(record)
    return inside
  }
}

function sayingsOf<Write>({ request, unchanged, seq, inside }: Drafted<Write>): { saying: Saying; seq: number }[] {
  if (unchanged) return []
  const { name, root, kind, size, meta, of = null, encoding = null } = request.version
  return [
    ...inside.map(retired => ({ saying: { type: 'retirement' as const, name: retired.name }, seq: retired.seq + 1 })),
    { saying: { type: 'version', name, root, kind, size, meta: meta ?? null, of, encoding }, seq }
  ]
}

function saysTheSame(before: VersionRecord, { root, kind, meta, of = null, encoding = null }: NewVersion): boolean {
  return (
    before.root.equals(root) &&
    before.kind === kind &&
    before.encoding?.codec === encoding?.codec &&
    before.encoding?.mediaType === encoding?.mediaType &&
    (meta === undefined || JSON.stringify(before.meta) === JSON.stringify(meta)) &&
    isSameSource(before.of, of)
  )
}

const isSameSource = (a: Source | null, b: Source | null): boolean =>
  a === b ||
  (a !== null &&
    b !== null &&
    a.root.equals(b.root) &&
    a.path === b.path &&
    a.name === b.name &&
    a.origin === b.origin &&
    a.seq === b.seq)
