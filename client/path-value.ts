// The value half of a Path: what it names, arithmetic that keeps the origin, its JSON form. Names nothing while it belongs to no
// Work. Refuses to be mixed with another origin.

import { extname } from 'node:path'
import type { Kind } from '../proto/api.ts'
import type { PathFacts, PathJson } from '../proto/path-json.ts'
import { formatRef, type Ref } from '../proto/ref.ts'
import type { Attachment, Owner } from './owner.ts'
import { basenameOf, joinRef, parentRef, relativeRef, withBasenameRef } from './path-arithmetic.ts'
import { Reference } from './reference.ts'

/** What is known of the content, when a Path came with it. */
export type KnownFacts = Pick<PathFacts, 'kind' | 'cid' | 'root' | 'sub' | 'size' | 'seq' | 'providers'>

export interface ValueParts {
  readonly facts?: KnownFacts | undefined
  /** Path of the declared directory that it lies in, or is. */
  readonly declared?: string | undefined
  /** Of one that was made without a work: the reference then is a stem, and lacks what its owner has. */
  readonly attachment?: Attachment | undefined
}

export abstract class PathValue<Self> extends Reference<Self> {
  readonly #stem: Ref
  readonly #attachment: Attachment | undefined
  protected readonly facts: KnownFacts
  protected readonly declared: string | undefined

  constructor(ref: Ref, { facts = {}, declared, attachment }: ValueParts = {}) {
    super()
    formatRef(ref)
    this.#stem = ref
    this.#attachment = attachment
    this.facts = facts
    this.declared = declared ?? (ref.type === 'name' && ref.directory ? ref.path : undefined)
  }

  /** One of the same mesh and attachment; by default in the directory that this is declared to be, or to lie in. */
  protected abstract override derive(ref: Ref, parts?: ValueParts): Self

  // --- what it names

  /** What it names. TypeError while it belongs to no Work. */
  override get ref(): Ref {
    const { known } = this
    if (known !== undefined) return known
    throw new TypeError(
      `${this.toString()} belongs to no Work yet: set it as an attribute of one, or take a Path from mesh.path('WORK/PATH')`
    )
  }

  /** As `ref`; undefined while it belongs to no Work, or to one whose name is not known. */
  protected get known(): Ref | undefined {
    return this.#attachment === undefined ? this.#stem : this.#attachment.refOf(this.#stem)
  }

  protected get attachment(): Attachment | undefined {
    return this.#attachment
  }

  /**
   * Makes it, and every Path derived from the same `new Path(…)`, one of the owner's, once and for ever: nothing happens to one that
   * is attached already, or has a work of its own.
   */
  attach(owner: Owner): void {
    this.#attachment?.attach(owner)
  }

  /** Whether it belongs to somebody: false only for `new Path('…')`, and what is derived from it, before it is attached. */
  get isAttached(): boolean {
    return this.#attachment?.isAttached ?? true
  }

  override get work(): string | undefined {
    return this.known === undefined ? undefined : super.work
  }

  override get origin(): string | undefined {
    return this.known === undefined ? undefined : super.origin
  }

  override get path(): string {
    return this.#stem.path
  }

  override get version(): number | string | undefined {
    return this.known === undefined ? undefined : super.version
  }

  /** Whether it was declared a directory, by a slash at its end. */
  get directory(): boolean {
    return this.#stem.type === 'name' && this.#stem.directory
  }

  /** What lies there, and its bytes, where the Path came with these facts; `stat()` asks. */
  get kind(): Kind | undefined {
    return this.facts.kind
  }

  get size(): number | undefined {
    return this.facts.size
  }

  get cid(): string | undefined {
    return this.facts.cid
  }

  // --- arithmetic

  join(...segments: string[]): Self {
    for (const segment of segments) {
      if (typeof segment !== 'string')
        throw new TypeError('join() takes strings: two Paths have two origins. Use toString() for the text of one')
    }
    return this.derive(joinRef(this.#stem, segments), { declared: this.declared })
  }

  /** What it lies in; undefined at the top of its work. */
  get parent(): Self | undefined {
    const ref = parentRef(this.#stem)
    if (ref === undefined) return undefined
    const within =
      this.declared !== undefined && (ref.path === this.declared || ref.path.startsWith(`${this.declared}/`))
    if (!within) return this.derive(ref, {})
    return this.derive(ref.type === 'name' ? { ...ref, directory: true } : ref, { declared: this.declared })
  }

  get basename(): string {
    return basenameOf(this.#stem)
  }

  /** With its dot, as `node:path` has it. */
  get extname(): string {
    return extname(this.basename)
  }

  withBasename(basename: string): Self {
    const declared = this.declared === this.path ? undefined : this.declared
    return this.derive(withBasenameRef(this.#stem, basename), { declared })
  }

  /** The way from `base` to this. TypeError when they are of different origins, or it does not lie there. */
  relativeTo(base: { readonly ref: Ref }): string {
    // Those of one attachment will have one work, whichever.
    if (this.known === undefined && base instanceof PathValue && base.attachment === this.#attachment)
      return relativeRef(base.#stem, this.#stem)
    return relativeRef(base.ref, this.ref)
  }

  /** Its URL; while it belongs to no Work, its path alone. */
  override toString(): string {
    return this.known === undefined ? `${this.path}${this.directory ? '/' : ''}` : super.toString()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const whose = this.known === undefined ? ', of no Work yet' : ''
    return `${this.constructor.name}(${this.toString()}${whose})`
  }

  toJSON(): PathJson {
    const { work, origin, path } = this
    const kind = this.directory ? 'directory' : this.facts.kind
    return {
      $path: {
        ...(work === undefined ? {} : { work }),
        ...(origin === undefined ? {} : { origin }),
        path,
        ...(kind === undefined ? {} : { kind }),
        ...this.#fixedFacts()
      }
    }
  }

  // A Path that follows its name travels without what is known of today's content. A cid without a root would be read as one.
  #fixedFacts(): KnownFacts {
    const { version } = this
    if (version === undefined) return {}
    const { cid, ...rest } = this.facts
    if (typeof version === 'number') return { ...rest, seq: version }
    if (cid === version && rest.root === undefined) return { ...rest, cid }
    return cid === undefined ? { ...rest, root: version } : { ...rest, cid, root: version }
  }
}
