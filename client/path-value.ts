// The value half of a Path: what it names, arithmetic that keeps the origin, its JSON form. Refuses to be mixed with another
// origin.

import { extname } from 'node:path'
import type { Kind } from '../proto/api.ts'
import type { PathFacts, PathJson } from '../proto/path-json.ts'
import { formatRef, type Ref } from '../proto/ref.ts'
import { basenameOf, joinRef, parentRef, relativeRef, withBasenameRef } from './path-arithmetic.ts'
import { Reference } from './reference.ts'

/** What is known of the content, when a Path came with it. */
export type KnownFacts = Pick<PathFacts, 'kind' | 'cid' | 'root' | 'sub' | 'size' | 'seq' | 'providers'>

export interface ValueParts {
  readonly facts?: KnownFacts | undefined
  /** Path of the declared directory that it lies in, or is. */
  readonly declared?: string | undefined
}

export abstract class PathValue<Self> extends Reference<Self> {
  override readonly ref: Ref
  protected readonly facts: KnownFacts
  protected readonly declared: string | undefined

  constructor(ref: Ref, { facts = {}, declared }: ValueParts = {}) {
    super()
    formatRef(ref)
    this.ref = ref
    this.facts = facts
    this.declared = declared ?? (ref.type === 'name' && ref.directory ? ref.path : undefined)
  }

  /** One of the same mesh; by default in the directory that this is declared to be, or to lie in. */
  protected abstract override derive(ref: Ref, parts?: ValueParts): Self

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
