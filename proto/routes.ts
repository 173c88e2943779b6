// The paths of the local API, so that client and daemon cannot disagree on one. Loads nothing, zod least of all.

/** The version of the local API; a daemon says it in the header `pathmesh-api`. Where the two differ: INCOMPATIBLE. */
export const API_VERSION = 'v1'
/** The header of every answer that carries API_VERSION. */
export const API_HEADER = 'pathmesh-api'
/** What a client sends as `Host`; a daemon answers 403 to any other. */
export const API_HOST = 'pathmesh.local'

export interface Route {
  readonly method: 'get' | 'post' | 'put'
  readonly path: string
}

/** Those that list, watch or take long answer NDJSON, `content` bytes, the others one JSON object. */
export const ROUTES = {
  status: { method: 'get', path: '/v1/status' },
  shutdown: { method: 'post', path: '/v1/shutdown' },
  invite: { method: 'post', path: '/v1/invite' },
  peers: { method: 'get', path: '/v1/peers' },
  limits: { method: 'get', path: '/v1/limits' },
  setLimits: { method: 'put', path: '/v1/limits' },
  transfers: { method: 'get', path: '/v1/transfers' },
  why: { method: 'get', path: '/v1/why' },
  session: { method: 'get', path: '/v1/session' },
  release: { method: 'post', path: '/v1/release' },
  put: { method: 'post', path: '/v1/put' },
  share: { method: 'post', path: '/v1/share' },
  get: { method: 'post', path: '/v1/get' },
  shareWatch: { method: 'post', path: '/v1/share/watch' },
  alias: { method: 'post', path: '/v1/alias' },
  names: { method: 'get', path: '/v1/names' },
  history: { method: 'get', path: '/v1/history' },
  providers: { method: 'get', path: '/v1/providers' },
  watch: { method: 'get', path: '/v1/watch' },
  works: { method: 'get', path: '/v1/works' },
  stat: { method: 'get', path: '/v1/stat' },
  list: { method: 'get', path: '/v1/list' },
  exists: { method: 'get', path: '/v1/exists' },
  content: { method: 'get', path: '/v1/content' },
  unshare: { method: 'post', path: '/v1/unshare' },
  drop: { method: 'post', path: '/v1/drop' },
  work: { method: 'post', path: '/v1/work' },
  host: { method: 'post', path: '/v1/works/host' },
  report: { method: 'post', path: '/v1/works/report' },
  call: { method: 'post', path: '/v1/works/call' },
  callEvents: { method: 'get', path: '/v1/works/events' },
  cancelCall: { method: 'post', path: '/v1/works/cancel' },
  openapi: { method: 'get', path: '/v1/openapi.json' }
} as const satisfies Record<string, Route>
