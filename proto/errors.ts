// The one table of errors: code -> HTTP status, exit status, whether trying again can help, and a line for the docs.
// Every error that crosses a process boundary is a PathmeshError; codes are stable, messages are for people.

interface ErrorKind {
  /** HTTP status of the local API's answer. */
  readonly status: number
  /** Exit status of the command. */
  readonly exit: number
  /** Whether the same call may succeed later without anything being changed by the caller. */
  readonly retryable: boolean
  readonly doc: string
}

const kind = (status: number, exit: number, retryable: boolean, doc: string): ErrorKind => ({
  status,
  exit,
  retryable,
  doc
})

export const ERRORS = {
  NOT_FOUND: kind(404, 3, false, 'nobody who could be asked knows this name, or the share has no such path'),
  NOT_SYNCED: kind(503, 6, true, 'nodes are connected, but none of them answered: nobody can say whether this exists'),
  NO_PROVIDERS: kind(503, 6, true, 'the version is known, but no connected node has its bytes'),
  VERSION_GONE: kind(410, 3, false, 'this version is kept nowhere any more; the error names the newer one'),
  TIMEOUT: kind(504, 6, true, 'a deadline passed; the error names the phase, the peers tried and the bytes verified'),
  SOURCE_CHANGED: kind(409, 1, true, 'a shared file changed since, or while, it was hashed: share it again'),
  ALREADY_EXISTS: kind(409, 1, false, 'the destination exists: choose another, or pass overwrite'),
  NAME_CONFLICT: kind(
    409,
    1,
    false,
    'the name lies inside a published directory, or is that of a file and contains a published name'
  ),
  NOT_ORIGIN: kind(403, 7, false, 'only the node that published a name can change it'),
  AMBIGUOUS_WORK: kind(409, 2, false, 'several nodes publish under this name: say which with WORK@NODE'),
  WORK_IN_USE: kind(409, 1, false, 'the work lives on another node, which is connected: pass takeOver to move it here'),
  WORK_FAILED: kind(500, 1, false, "a Work's run threw: the error has its message, and its stack in `details`"),
  WORK_LOST: kind(
    503,
    1,
    true,
    'the process of a Work ended in the middle of a call, or its node is gone: what the run had done by then is not known'
  ),
  OUTCOME_UNKNOWN: kind(
    503,
    1,
    false,
    'nobody can say whether a call ran, and it is not idempotent: look at what it should have done before calling again'
  ),
  IN_USE: kind(409, 1, true, 'a program holds a lease on these bytes, or another daemon holds this folder'),
  NOT_FETCHED: kind(
    409,
    1,
    false,
    "a Payload's value was asked for before its bytes were here: await get() or fetch() first"
  ),
  CODEC_NOT_FOUND: kind(
    415,
    1,
    false,
    'no codec encodes this value, or decodes this Payload: install or register one; its bytes can be had all the same'
  ),
  CORRUPT: kind(502, 1, true, 'bytes do not match their hash, or a structure breaks the rules of its format'),
  UNSAFE_NAME: kind(422, 1, false, 'a file name or symbolic link that cannot be shared or written safely'),
  NO_SPACE: kind(507, 1, true, 'the disk is full: make room and run the same call again, it resumes'),
  TOO_LARGE: kind(413, 1, false, 'a size is beyond a limit of proto/limits.ts'),
  DENIED: kind(403, 7, false, 'the operating system or pathmesh refuses this access'),
  NOT_A_MEMBER: kind(
    403,
    7,
    false,
    "the peer does not belong to this mesh, or this node does not belong to the peer's"
  ),
  PATH_NOT_VISIBLE: kind(422, 1, false, 'the daemon sees another file, or none, under this path (containers, mounts)'),
  DAEMON_UNREACHABLE: kind(503, 4, true, 'no daemon answers on the socket: start one with `pathmesh up --detach`'),
  INCOMPATIBLE: kind(426, 1, false, 'the two sides speak different versions: upgrade the older one'),
  INVALID_ARGUMENT: kind(400, 2, false, 'a value is not of the form that the call takes'),
  IO: kind(500, 1, true, 'the disk or the operating system failed; the cause says how'),
  ABORTED: kind(499, 130, true, 'the caller cancelled'),
  INTERNAL: kind(500, 1, false, 'a fault of pathmesh: please report it')
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** Facts that go with an error: JSON only, shown by `--json` and by the local API. */
export type ErrorDetails = Readonly<Record<string, unknown>>

/** The body of an `application/problem+json` answer (RFC 9457). */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly details?: ErrorDetails
}

export interface PathmeshErrorOptions {
  readonly cause?: unknown
  readonly details?: ErrorDetails
}

/** What fails in pathmesh. `message` says what failed, with which value, and what to do; only `code` is stable. */
export class PathmeshError extends Error {
  override readonly name = 'PathmeshError'
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly details: ErrorDetails | undefined

  constructor(code: ErrorCode, message: string, options: PathmeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = ERRORS[code].retryable
    this.details = options.details
  }

  toProblem(): Problem {
    const { status, doc, retryable } = ERRORS[this.code]
    const base = {
      type: `urn:pathmesh:error:${this.code}`,
      title: doc,
      status,
      detail: this.message,
      code: this.code,
      retryable
    }
    return this.details === undefined ? base : { ...base, details: this.details }
  }

  /** The error that `toProblem` described. A body of another form is an INTERNAL error that quotes it. */
  static fromProblem(body: unknown): PathmeshError {
    if (typeof body === 'object' && body !== null && 'code' in body && 'detail' in body) {
      const { code, detail } = body
      if (isErrorCode(code) && typeof detail === 'string') {
        const details =
          'details' in body && typeof body.details === 'object' && body.details !== null
            ? { ...body.details }
            : undefined
        return new PathmeshError(code, detail, details === undefined ? {} : { details })
      }
    }
    return new PathmeshError('INTERNAL', `an answer is not a problem document: ${JSON.stringify(body)?.slice(0, 200)}`)
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value)
}

export function hasCode(error: unknown, ...codes: ErrorCode[]): error is PathmeshError {
  return error instanceof PathmeshError && codes.includes(error.code)
}

/** The `code` of an operating system error (`ENOENT`), if it is one. */
export function errno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

const FROM_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EACCES: 'DENIED',
  EPERM: 'DENIED',
  EROFS: 'DENIED',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EEXIST: 'ALREADY_EXISTS',
  ENOTEMPTY: 'ALREADY_EXISTS',
  ELOOP: 'UNSAFE_NAME',
  ENAMETOOLONG: 'UNSAFE_NAME'
}

/** Any thrown value as a PathmeshError: one of ours as it is, an abort as ABORTED, an OS error by its errno. */
export function toPathmeshError(error: unknown, doing: string): PathmeshError {
  if (error instanceof PathmeshError) return error
  if (error instanceof Error && error.name === 'AbortError')
    return new PathmeshError('ABORTED', `${doing}: cancelled`, { cause: error })
  if (error instanceof Error && error.name === 'TimeoutError')
    return new PathmeshError('TIMEOUT', `${doing}: timed out`, { cause: error })
  const number = errno(error)
  if (number?.startsWith('LEVEL_') === true) {
    return new PathmeshError(
      'IO',
      `${doing}: the index is closed at the moment: its disk is full, or the daemon stops`,
      { cause: error }
    )
  }
  const detail = error instanceof Error ? error.message : String(error)
  if (number !== undefined && /^E[A-Z0-9]+$/.test(number))
    return new PathmeshError(FROM_ERRNO[number] ?? 'IO', `${doing}: ${detail}`, { cause: error })
  return new PathmeshError('INTERNAL', `${doing}: ${detail}`, { cause: error })
}
