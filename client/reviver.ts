// Turning a state that was parsed from JSON back into what it was made of. Looks at one value at a time, as `JSON.parse` hands them
// over; refuses a reference that is none, and leaves everything else alone.

import { hasCode, PathmeshError } from '../proto/errors.ts'
import { looksLikePath, parsePathJson, type PathJson } from '../proto/path-json.ts'

/** `value`, or what `make` makes of it where its single own key is `$path`. `key` is where it stands; the error names it. */
export function revive(key: string, value: unknown, make: (json: PathJson) => object): unknown {
  if (!looksLikePath(value)) return value
  try {
    return make(parsePathJson(value))
  } catch (error) {
    if (!hasCode(error, 'INVALID_ARGUMENT') || key === '') throw error
    throw new PathmeshError('INVALID_ARGUMENT', `at ${JSON.stringify(key)}: ${error.message}`, { cause: error })
  }
}
