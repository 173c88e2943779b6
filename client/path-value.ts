// The value half of a Path: what it names, arithmetic that keeps the origin, its text and JSON forms. Asks nobody anything;
// refuses to be added, compared or mixed with another origin.

import { extname } from 'node:path'
import type { Kind } from '../proto/api.ts'
import { PathmeshError } from '../proto/errors.ts'
import type { PathFacts, PathJson } from '../proto/path-json.ts'
import { formatRef, parseVersion, type Ref } from '../proto/ref.ts'
import { basenameOf, joinRef, parentRef, relativeRef, withBasenameRef } from './path-arithmetic.ts'
import type { Version } from './version.ts'

/** What is known of the content, when a Path came with it. */
export type KnownFacts = Pick<PathFacts, 'kind' | 'cid' | 'root' | 'sub' | 'size' | 'seq' | 'providers'>

export interface ValueParts {
  readonly facts?: KnownFacts | undefined
  /** Path of the declared directory that it lies in, or is. */
  readonly declared?: string | undefined
}

export abstract class PathValue<Self> {
  readonly ref: Ref
  protected readonly facts: KnownFacts
  protected readonly declared: string | undefined

  constructor(ref: Ref, { facts = {}, declared }: ValueParts = {}) {
    formatRef(ref)
    this.ref = ref
    this.facts = facts
    this.declared = declared ?? (ref.type === 'name' && ref.directory ? ref.path : undefined)
  }

  /** One of the same mesh. */
  protected abstract derive(ref: Ref, parts: ValueParts): Self

  /** The work; undefined for content alone. */
  get work(): string | undefined {
    return this.ref.type === 'name' ? this.ref.work : undefined
  }

  /** PeerId or name of the node that publishes it, where the reference says so. */
  get origin(): string | undefined {
    return this.ref.type === 'name' ? this.ref.node : undefined
  }

  /** The path inside the work, without a slash at the end. */
  get path(): string {
    return this.ref.path
  }

  /** The `seq` or root that it is fixed at; undefined when it follows its name. */
  get version(): number | string | undefined {
    return this.ref.type === 'name' ? this.ref.version : this.ref.cid
  }

  /** Whether it was declared a directory, by a slash at its end. */
  get directory(): boolean {
    return this.ref.type === 'name' && this.ref.directory
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
    return this.derive(joinRef(this.ref, segments), { declared: this.declared })
  }

  /** What it lies in; undefined at the top of its work. */
  get parent(): Self | undefined {
    const ref = parentRef(this.ref)
    if (ref === undefined) return undefined
    const within =
      this.declared !== undefined && (ref.path === this.declared || ref.path.startsWith(`${this.declared}/`))
    if (!within) return this.derive(ref, {})
    return this.derive(ref.type === 'name' ? { ...ref, directory: true } : ref, { declared: this.declared })
  }

  get basename(): string {
    return basenameOf(this.ref)
  }

  /** With its dot, as `node:path` has it. */
  get extname(): string {
    return extname(this.basename)
  }

  withBasename(basename: string): Self {
    const declared = this.declared === this.ref.path ? undefined : this.declared
    return this.derive(withBasenameRef(this.ref, basename), { declared })
  }

  /** The way from `base` to this. TypeError when they are of different origins, or it does not lie there. */
  relativeTo(base: { readonly ref: Ref }): string {
    return relativeRef(base.ref, this.ref)
  }

  equals(other: { toString(): string }): boolean {
    return this.toString() === other.toString()
  }

  /** This path fixed at a version: a `seq`, a root CID, or a Version. */
  at(version: number | string | Pick<Version, 'root'>): Self {
    if (this.ref.type === 'content')
      throw new PathmeshError('INVALID_ARGUMENT', `${this.toString()} is content: it has no versions`)
    const wanted =
      typeof version === 'object' ? version.root : typeof version === 'string' ? parseVersion(version) : version
    return this.derive({ ...this.ref, version: wanted }, { declared: this.declared })
  }

  /** Its URL. */
  toString(): string {
    return formatRef(this.ref)
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

  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'string') return this.toString()
    throw new TypeError('a Path is not added or compared: use join(), equals() or toString()')
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Path(${this.toString()})`
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
