// A daemon of tests: node:http on a Unix socket in a temporary folder, answering what it is told to. Knows nothing itself.

import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PathmeshError, type Problem } from '../../proto/errors.ts'
import { API_HEADER, API_VERSION, ROUTES } from '../../proto/routes.ts'

export interface Received {
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** What was sent as JSON. */
  readonly body: unknown
  readonly bytes: Buffer
}

export type Answer = (received: Received, response: ServerResponse) => void | Promise<void>
export type Answers = Partial<Record<keyof typeof ROUTES, Answer>>
/** Answers a request whose body it reads itself, or does not. */
export type Early = Partial<Record<keyof typeof ROUTES, (request: IncomingMessage, response: ServerResponse) => void>>

export const PEER = 'k51qzi5uqu5dgutdk6i1ynyzgkqngpha5xpgia3a5qqp4jsh0u4csozksxel3r'
export const CID = 'bafkr4ibxzm7x6wlqx5gzl3tjk7v2tlf5nrqqpxwq3u3n5l3bqcxqz7y2ny'

export const STATUS = {
  peerId: PEER,
  name: 'gpu-1',
  meshId: 'mesh',
  addresses: ['/ip4/127.0.0.1/tcp/4747'],
  version: '0.1.0',
  uptimeSeconds: 1.5,
  synced: true,
  peers: 1,
  names: 2,
  storage: { roots: 1, inPlaceBytes: 2, storedBytes: 3, partialBytes: 0, freeBytes: 2048 },
  transfers: []
}

export class FakeDaemon {
  readonly folder: string
  readonly socket: string
  readonly received: Received[] = []
  readonly #server: Server

  private constructor(folder: string, server: Server) {
    this.folder = folder
    this.socket = join(folder, 'admin.sock')
    this.#server = server
  }

  /** Listens; routes that are not given answer 404, but `status` STATUS, and `peers` none. */
  static async start(answers: Answers = {}, early: Early = {}): Promise<FakeDaemon> {
    const folder = await temporaryFolder()
    const all: Answers = { status: json(STATUS), peers: lines(), ...answers }
    const server = createServer((request, response) => void daemon.#answer(all, early, request, response))
    const daemon = new FakeDaemon(folder, server)
    await new Promise<void>(resolve => server.listen(daemon.socket, resolve))
    return daemon
  }

  /** Bodies of the requests to a route, in order. */
  bodies(route: keyof typeof ROUTES): unknown[] {
    return this.received.filter(({ path }) => path === ROUTES[route].path).map(({ body }) => body)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    if (this.#server.listening) await new Promise(resolve => this.#server.close(resolve))
    await rm(this.folder, { recursive: true, force: true })
  }

  async #answer(answers: Answers, early: Early, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://pathmesh.local')
    const answer = Object.entries(ROUTES).find(([, route]) => route.path === url.pathname)?.[0]
    response.setHeader(API_HEADER, API_VERSION)
    const unread = Object.entries(early).find(([name]) => name === answer)?.[1]
    if (unread !== undefined) return unread(request, response)
    const bytes = await received(request)
    const { headers } = request
    const isJson = headers['content-type'] === 'application/json'
    const body: unknown = isJson ? JSON.parse(bytes.toString()) : undefined
    const read = { path: url.pathname, query: url.searchParams, headers, body, bytes }
    this.received.push(read)
    const known = Object.entries(answers).find(([name]) => name === answer)?.[1]
    await (known ?? fail('NOT_FOUND', 'no such route'))(read, response)
  }
}

async function received(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export async function temporaryFolder(): Promise<string> {
  return await realpath(await mkdtemp(join(tmpdir(), 'pathmesh-')))
}

export function json(value: unknown): Answer {
  return (_, response) => void response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
}

export function lines(...values: readonly unknown[]): Answer {
  return (_, response) => void response.end(values.map(value => `${JSON.stringify(value)}\n`).join(''))
}

export function problem(code: PathmeshError['code'], detail: string): Problem {
  return new PathmeshError(code, detail).toProblem()
}

export function fail(code: PathmeshError['code'], detail: string): Answer {
  const body = problem(code, detail)
  return (_, response) =>
    void response.writeHead(body.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body))
}

/** Serves `bytes`, with ranges as HTTP has them. */
export function content(bytes: Buffer): Answer {
  return ({ headers }, response) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '')
    const start = Number(range?.[1] ?? 0)
    if (range === null) response.end(bytes)
    else if (start < bytes.length) {
      response.writeHead(206).end(bytes.subarray(start, range[2] === '' ? undefined : Number(range[2]) + 1))
    } else {
      response.writeHead(416).end(JSON.stringify(problem('INVALID_ARGUMENT', 'the range lies beyond the end')))
    }
  }
}

/** A stream that stays open, to be written to as a test goes on. */
export class LiveLines {
  readonly #first: readonly unknown[]
  readonly #open = new Set<ServerResponse>()

  /** `first` are the lines that each who listens gets at once. */
  constructor(...first: readonly unknown[]) {
    this.#first = first
  }

  /** How many listen. */
  get listening(): number {
    return this.#open.size
  }

  readonly answer: Answer = (_, response) => {
    response.once('close', () => this.#open.delete(response))
    this.#open.add(response)
    response.flushHeaders()
    for (const value of this.#first) response.write(`${JSON.stringify(value)}\n`)
  }

  send(...values: readonly unknown[]): void {
    for (const response of this.#open) for (const value of values) response.write(`${JSON.stringify(value)}\n`)
  }

  /** Ends the streams, as a daemon that stops does. */
  end(): void {
    for (const response of this.#open) response.end()
  }
}

export const GOT = {
  event: 'done',
  path: '/store/model.bin',
  kind: 'file',
  cid: CID,
  root: CID,
  seq: 3,
  origin: PEER,
  meta: { epoch: 3 },
  size: 2048,
  bytesFetched: 1024,
  seconds: 0.5,
  lease: 'lease-1',
  codec: null,
  mediaType: null,
  providers: [{ peerId: PEER, bytes: 1024 }]
}

/** What answers a `get` that was inline. */
export function gotBytes(bytes: Uint8Array, facts: object = {}): object {
  const { path: _path, lease: _lease, ...got } = GOT
  return { ...got, event: 'bytes', size: bytes.length, bytes: Buffer.from(bytes).toString('base64'), ...facts }
}

export const PUT = {
  event: 'done',
  url: 'pathmesh://train/metrics',
  work: 'train',
  path: 'metrics',
  cid: CID,
  codec: 'cbor',
  mediaType: 'application/cbor',
  size: 5,
  seq: 4,
  origin: PEER,
  modified: 1_700_000_000_000,
  meta: null,
  unchanged: false
}

export const SHARED = {
  event: 'done',
  url: 'pathmesh://train/model.bin',
  cid: CID,
  kind: 'file',
  size: 2048,
  seq: 3,
  origin: PEER,
  kept: false,
  copies: 1,
  work: 'train',
  path: 'model.bin',
  modified: 1_700_000_000_000,
  unchanged: false
}

export const PROGRESS = {
  event: 'progress',
  phase: 'transferring',
  bytes: 1024,
  total: 2048,
  files: 1,
  filesTotal: 1,
  bytesPerSecond: 512,
  etaSeconds: 2,
  why: null,
  providers: []
}

export const NAME = {
  url: 'pathmesh://train/model.bin',
  work: 'train',
  path: 'model.bin',
  kind: 'file',
  cid: CID,
  size: 2048,
  seq: 3,
  origin: PEER,
  modified: 1_700_000_000_000,
  codec: null,
  mediaType: null,
  local: true
}

export const STAT = {
  ...NAME,
  aliasOf: null,
  root: CID,
  sub: '',
  executable: false,
  target: null,
  meta: { epoch: 3 },
  copies: 2,
  providers: [PEER]
}

export const VERSION = { event: 'version', ...NAME, meta: { epoch: 3 }, aliasOf: null }

export const RETIRED = {
  event: 'retired',
  url: NAME.url,
  work: 'train',
  path: 'model.bin',
  seq: 4,
  origin: PEER,
  modified: 1_700_000_001_000
}

export const WATCHING = { event: 'watching', cursor: 'c0' }
