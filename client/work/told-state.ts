// What the caller of a run was told of its state: attributes are told again when their JSON is another. Looks at values, since a list
// or an object changes without anybody being told: a Path that is found there is the Work's from then on.

import { hasCode } from '../../proto/errors.ts'
import { WORK_STATE_BYTES_MAX } from '../../proto/limits.ts'
import { stateKeys } from './component.ts'
import { attachPaths } from './own-paths.ts'
import { jsonBytes, type Json, type State } from './state.ts'
import { attributeJson, stateOf, type Work } from './work.ts'

export class ToldState {
  readonly #work: Work
  /** JSON text by attribute: as the caller has it from the start, and as it was told last. */
  readonly #known = new Map<string, string>()
  readonly #told: Map<string, string>

  /** `known` is what the caller said of the state itself. */
  constructor(work: Work, known: State) {
    this.#work = work
    for (const [key, json] of Object.entries(known)) this.#known.set(key, JSON.stringify(json))
    this.#told = new Map(this.#known)
  }

  /**
   * The attributes that are not as they were told, and are told by this; null for one that was removed. Leaves out those that have
   * no JSON form at the moment, and those that `isLater` says; none while they are too large together.
   */
  changes(isLater: (key: string) => boolean = () => false): State {
    return this.#differing(this.#now(isLater), this.#told)
  }

  /**
   * For the last time: all that is not as the caller had it before, told or not, since a daemon that was restarted meanwhile has
   * forgotten what it was told.
   */
  all(): State {
    return this.#differing(
      this.#now(() => false),
      this.#known
    )
  }

  /** As `all`. INVALID_ARGUMENT or TOO_LARGE where the whole is no state. */
  last(): State {
    stateOf(this.#work)
    return this.all()
  }

  #now(isLater: (key: string) => boolean): State {
    // What is told of them has the name of the Work in it.
    attachPaths(this.#work)
    const now: Record<string, Json> = {}
    for (const key of this.#keys()) {
      const json = isLater(key) ? undefined : this.#json(key)
      if (json !== undefined) now[key] = json
    }
    return jsonBytes(now) > WORK_STATE_BYTES_MAX ? {} : now
  }

  #differing(now: State, before: ReadonlyMap<string, string>): State {
    const changed = Object.entries(now).filter(([key, json]) => before.get(key) !== JSON.stringify(json))
    for (const [key, json] of changed) this.#told.set(key, JSON.stringify(json))
    return Object.fromEntries(changed)
  }

  #keys(): Set<string> {
    return new Set([...this.#told.keys(), ...stateKeys(this.#work)])
  }

  #json(key: string): Json | undefined {
    try {
      return attributeJson(this.#work, key)
    } catch (error) {
      if (hasCode(error, 'INVALID_ARGUMENT', 'TOO_LARGE')) return undefined
      throw error
    }
  }
}
