// Turning a state that was parsed from JSON back into what it was made of. Looks at one value at a time, as `JSON.parse` hands them
// over; refuses a reference that is none, and leaves everything else alone.

import { hasCode, PathmeshError } from '../proto/errors.ts'
import { looksLikePath, parsePathJson, type PathJson } from '../proto/path-json.ts'
import { looksLikePayload, parsePayloadJson, type PayloadJson } from '../proto/payload-json.ts'

/** What becomes of each kind of reference; one that is not named stays as it is. */
export interface Makers {
  readonly path?: (json: PathJson) => object
  readonly payload?: (json: PayloadJson) => object
}

/** `value`, or what is made of it where its single own key is `$path` or `$payload`. `key` is where it stands; the error names it. */
export function revive(key: string, value: unknown, { path, payload }: Makers): unknown {
  try {
    if (path !== undefined && looksLikePath(value)) return path(parsePathJson(value))
    if (payload !== undefined && looksLikePayload(value)) return payload(parsePayloadJson(value))
    return value
  } catch (error) {
    if (!hasCode(error, 'INVALID_ARGUMENT') || key === '') throw error
    throw new PathmeshError('INVALID_ARGUMENT', `at ${JSON.stringify(key)}: ${error.message}`, { cause: error })
  }
}
