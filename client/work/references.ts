// Fixing references: what is handed to a call is one version, the newest at that moment. What nobody has published yet is handed
// on as it is, to be waited for.

import type { Stat } from '../../proto/api.ts'
import { hasCode } from '../../proto/errors.ts'
import type { PathFacts } from '../../proto/path-json.ts'
import type { PayloadFacts } from '../../proto/payload-json.ts'
import type { CallOptions, Calls } from '../calls.ts'
import { Path } from '../path.ts'
import { Turns } from '../turns.ts'
import { mapReferences, referencesIn, toJson, type Json, type Reference } from './state.ts'

/** References of one call that are looked up at the same time. */
const REFERENCES_ASKED = 16

/** The value with each Path and Payload that follows a name fixed at its newest version, as JSON. */
export async function fixReferences(value: unknown, calls: Calls, options: CallOptions): Promise<unknown> {
  const turns = new Turns(REFERENCES_ASKED)
  const fixed = new Map<Reference, unknown>()
  await Promise.all(
    [...referencesIn(value)].map(async ({ reference }) => {
      const known = await turns.run(async () => await factsOf(reference, calls, options), options.signal)
      if (known !== undefined) fixed.set(reference, known)
    })
  )
  return mapReferences(value, reference => fixed.get(reference) ?? reference)
}

/** What a call of a work is handed, as JSON: fixed, and null for undefined. INVALID_ARGUMENT for what has no JSON form. */
export async function fixedArguments(
  args: readonly unknown[],
  calls: Calls,
  work: string,
  options: CallOptions
): Promise<Json[]> {
  // Those that are left out at the end are left out, so that they have their defaults.
  const given = args.slice(0, args.findLastIndex(arg => arg !== undefined) + 1)
  const fixed = await Promise.all(given.map(async arg => await fixReferences(arg, calls, options)))
  return fixed.map((arg, at) => toJson(arg === undefined ? null : arg, `argument ${at + 1} of ${work}.run()`))
}

/** Its JSON form with what is known of the newest version; undefined where it is fixed, or there is none. */
async function factsOf(reference: Reference, calls: Calls, options: CallOptions): Promise<object | undefined> {
  const isNamed = reference instanceof Path || reference.isPublished
  if (!isNamed || reference.work === undefined || reference.version !== undefined) return undefined
  try {
    const stat = await calls.stat(reference.ref, options)
    return reference instanceof Path ? pathJson(reference, stat) : payloadJson(reference, stat)
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND', 'NOT_SYNCED')) return undefined
    throw error
  }
}

function pathJson({ work, path }: Reference, { kind, cid, root, sub, size, seq, origin, providers }: Stat): object {
  const $path: PathFacts = {
    ...(work === undefined ? {} : { work }),
    ...(origin === null ? {} : { origin }),
    path,
    kind,
    cid,
    ...(sub === '' ? {} : { root, sub }),
    size,
    ...(seq === null ? {} : { seq }),
    providers
  }
  return { $path }
}

function payloadJson({ work, path }: Reference, { cid, size, codec, seq, origin, providers }: Stat): object {
  const $payload: PayloadFacts = {
    ...(work === undefined ? {} : { work }),
    ...(origin === null ? {} : { origin }),
    path,
    cid,
    size,
    ...(codec === null ? {} : { codec }),
    ...(seq === null ? {} : { seq }),
    providers
  }
  return { $payload }
}
