// Who may talk to the local API at all: programs that mean it. A browser is always told no (Origin, Referer, Sec-Fetch,
// foreign Host), so that no web page can reach the socket through a proxy. The file mode of the socket is the real lock.

import type { MiddlewareHandler } from 'hono'
import { PathmeshError } from '../../proto/errors.ts'
import { API_BODY_BYTES_MAX } from '../../proto/limits.ts'
import { API_HEADER, API_HOST, API_VERSION, ROUTES } from '../../proto/routes.ts'

const HOSTS = new Set([API_HOST, 'localhost'])
const BROWSER_HEADERS = [
  'origin',
  'referer',
  'sec-fetch-site',
  'sec-fetch-mode',
  'access-control-request-method',
  'upgrade'
]

export const guard: MiddlewareHandler = async (c, next) => {
  c.header(API_HEADER, API_VERSION)
  for (const header of BROWSER_HEADERS) {
    if (c.req.header(header) !== undefined)
      throw new PathmeshError('DENIED', `requests with the header ${header} are refused: this API is not for browsers`)
  }
  const host = c.req.header('host') ?? ''
  if (!HOSTS.has(host))
    throw new PathmeshError(
      'DENIED',
      `the host ${JSON.stringify(host.slice(0, 100))} is refused: send Host: ${API_HOST}`
    )
  await next()
}

/** A body says how long it is before it is read, and is short: JSON about files. Only a Payload is sent as bytes, as they come. */
export const limitBody: MiddlewareHandler = async (c, next) => {
  if (c.req.path === ROUTES.put.path) return next()
  if (c.req.header('transfer-encoding') !== undefined) {
    throw new PathmeshError('INVALID_ARGUMENT', 'a body of unknown length is refused: send Content-Length')
  }
  const length = Number(c.req.header('content-length') ?? 0)
  if (!(length <= API_BODY_BYTES_MAX)) {
    throw new PathmeshError('TOO_LARGE', `a body of ${length} bytes is refused: at most ${API_BODY_BYTES_MAX} are read`)
  }
  await next()
}
