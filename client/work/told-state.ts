// What the caller of a run was told of its state: attributes are told again when their JSON is another. Looks at values, since a list
// or an object changes without anybody being told.

import { hasCode } from '../../proto/errors.ts'
import { WORK_STATE_BYTES_MAX } from '../../proto/limits.ts'
import { stateKeys } from './component.ts'
import { jsonBytes, type Json, type State } from './state.ts'
import { attributeJson, stateOf, type Work } from './work.ts'

export class ToldState {
  readonly #work: Work
  /** JSON text by attribute. */
  readonly #told = new Map<string, string>()

  /** `known` is what the caller said of the state itself. */
  constructor(work: Work, known: State) {
    this.#work = work
    for (const [key, json] of Object.entries(known)) this.#told.set(key, JSON.stringify(json))
  }

  /**
   * The attributes that are not as they were told, and are told by this; null for one that was removed. Leaves out those that have
   * no JSON form at the moment, and those that `isLater` says; none while they are too large together.
   */
  changes(isLater: (key: string) => boolean = () => false): State {
    const now: Record<string, Json> = {}
    for (const key of this.#keys()) {
      const json = isLater(key) ? undefined : this.#json(key)
      if (json !== undefined) now[key] = json
    }
    if (jsonBytes(now) > WORK_STATE_BYTES_MAX) return {}
    return Object.fromEntries(Object.entries(now).filter(([key, json]) => this.#isNew(key, json)))
  }

  /** As `changes`, for the last time: INVALID_ARGUMENT or TOO_LARGE where the whole is no state. */
  last(): State {
    stateOf(this.#work)
    return this.changes()
  }

  #keys(): Set<string> {
    return new Set([...this.#told.keys(), ...stateKeys(this.#work)])
  }

  #isNew(key: string, json: Json): boolean {
    const text = JSON.stringify(json)
    if (this.#told.get(key) === text) return false
    this.#told.set(key, text)
    return true
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
