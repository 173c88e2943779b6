// To whom a Path belongs that was made without a work: to nobody until it is attached, and from then on for ever. Refuses a
// second owner.

import { checkRef, type Ref } from '../proto/ref.ts'
import type { PathHome } from './path.ts'

/** Whom an attached Path belongs to. Each value may become known later than the Path was attached: it is read when it is needed. */
export interface Owner {
  /** Name of the work that the Path is of. */
  readonly work: string | undefined
  /** PeerId or name of the node where that work is. */
  readonly node: string | undefined
  /** The mesh that the calls of the Path go to. */
  readonly home: PathHome | undefined
}

/** What every Path that was derived from one `new Path(…)` shares. */
export class Attachment {
  #owner: Owner | undefined

  get isAttached(): boolean {
    return this.#owner !== undefined
  }

  get home(): PathHome | undefined {
    return this.#owner?.home
  }

  /** The first owner stays. */
  attach(owner: Owner): void {
    this.#owner ??= owner
  }

  /** `stem` as a reference of the owner; undefined while its work is not known. INVALID_ARGUMENT where the two make none. */
  refOf(stem: Ref): Ref | undefined {
    const { work, node } = this.#owner ?? {}
    if (work === undefined || stem.type === 'content') return undefined
    return checkRef({ ...stem, work, ...(node === undefined ? {} : { node }) })
  }
}
