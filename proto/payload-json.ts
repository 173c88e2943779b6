// The JSON form of a Payload, as it travels in state and messages: never the value. Refuses everything that is not exactly of
// this form.

import { checkEncoding } from './codec.ts'
import { formatRef, type Ref } from './ref.ts'
import { hasForm, JsonFields, type Form } from './reference-json.ts'

/** What a Payload says of itself. Without `work` it is content alone; with `cid` or `seq` it is fixed. */
export interface PayloadFacts {
  readonly work?: string
  /** PeerId of the node that published it, where known. */
  readonly origin?: string
  readonly path: string
  /** The encoded value. */
  readonly cid?: string
  /** Bytes of the encoded value. */
  readonly size?: number
  /** Id of the codec that encoded it. */
  readonly codec?: string
  readonly seq?: number
  /** Peers that had it. */
  readonly providers?: readonly string[]
}

export interface PayloadJson {
  readonly $payload: PayloadFacts
}

const FORM: Form = { what: 'Payload', key: '$payload' }
const TEXTS = ['work', 'origin', 'path', 'cid', 'codec'] as const
const COUNTS = ['size', 'seq'] as const
const KEYS: readonly string[] = [...TEXTS, ...COUNTS, 'providers']

/** Whether a value has the form of a Payload: an object whose single own key is `$payload`. What is inside is not looked at. */
export function looksLikePayload(value: unknown): value is { $payload: unknown } {
  return hasForm(value, FORM)
}

/** The Payload in `value`, in fresh objects. Throws INVALID_ARGUMENT for any other value. */
export function parsePayloadJson(value: unknown): PayloadJson {
  const fields = new JsonFields(value, FORM, KEYS)
  const facts: PayloadFacts = {
    ...fields.texts(TEXTS),
    ...fields.counts(COUNTS),
    ...fields.providers(),
    path: fields.text('path')
  }
  if (facts.work === undefined && facts.cid === undefined) throw fields.refusal('it has neither a work nor a cid')
  if (facts.codec !== undefined) checkEncoding({ codec: facts.codec, mediaType: 'application/octet-stream' })
  formatRef(refOfPayload(facts))
  return { $payload: facts }
}

/** The reference that facts describe: fixed when they name a cid or a number. */
export function refOfPayload({ work, origin, path, cid, seq }: PayloadFacts): Ref {
  if (work === undefined) return { type: 'content', cid: cid ?? '', path }
  const version = cid ?? seq
  return {
    type: 'name',
    work,
    ...(origin === undefined ? {} : { node: origin }),
    path,
    directory: false,
    ...(version === undefined ? {} : { version })
  }
}
