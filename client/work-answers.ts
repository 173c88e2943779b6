// The form of the answers about Works, read as those of answers.ts are. The types are those of proto/works-api.ts: where the two
// differ, this does not compile.

import type * as Api from '../proto/works-api.ts'
import { progress } from './answers.ts'
import {
  byEvent,
  flag,
  json,
  jsonRecord,
  list,
  literal,
  no,
  nullable,
  number,
  object,
  optional,
  text,
  yes,
  type Read
} from './shape.ts'

export const workLine: Read<Api.WorkLine> = object({
  work: text,
  origin: text,
  node: nullable(text),
  connected: flag,
  home: flag,
  epoch: number,
  names: number,
  hosting: nullable(
    object({
      module: text,
      hosted: flag,
      phase: literal('idle', 'queued', 'starting', 'fetching', 'running', 'publishing', 'done'),
      call: nullable(text),
      since: nullable(number),
      queued: number
    })
  )
})

export const workFolder: Read<Api.WorkFolder> = object({ work: text, origin: text, folder: text })

const callPhase = literal('queued', 'starting', 'fetching', 'running', 'publishing', 'done')

const problemBody = object({
  type: text,
  title: text,
  status: number,
  detail: text,
  code: text,
  retryable: flag,
  details: optional(jsonRecord)
})
const succeeded = object({ ok: yes, result: json })
const failedOutcome = object({ ok: no, error: problemBody })
const isOk = object({ ok: flag })

const outcome: Read<Api.Outcome> = (value, where) =>
  isOk(value, where).ok ? succeeded(value, where) : failedOutcome(value, where)

export const called: Read<Api.Called> = object({ node: text, known: flag })

export const callEvents: Read<Api.CallEvents> = object({
  next: number,
  phase: callPhase,
  state: jsonRecord,
  logs: list(object({ stream: literal('stdout', 'stderr'), text })),
  missed: number,
  progress: nullable(progress),
  outcome: nullable(outcome)
})

export const hostLine: Read<Api.HostLine> = byEvent<Api.HostLine>({
  hosting: object({ event: literal('hosting'), work: text, origin: text, folder: text }),
  call: object({ event: literal('call'), id: text, args: list(json), state: optional(jsonRecord) }),
  cancel: object({ event: literal('cancel'), id: text })
})
