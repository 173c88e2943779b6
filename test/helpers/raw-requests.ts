// Requests to a daemon's socket as anybody could write them: any headers, any body, nothing checked before it is sent.

import { request } from 'node:http'

export interface RawRequest {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly bytes: Buffer
  /** Its body as JSON. */
  readonly json: () => unknown
}

const DEADLINE_MS = 10_000

export async function ask(socket: string, { method = 'GET', path, headers, body }: RawRequest): Promise<RawAnswer> {
  return await new Promise((resolve, reject) => {
    const sent = request({
      socketPath: socket,
      method,
      path,
      headers: { host: 'pathmesh.local', ...headers },
      signal: AbortSignal.timeout(DEADLINE_MS)
    })
    sent.on('error', reject)
    sent.on('response', response => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () => {
        const bytes = Buffer.concat(pieces)
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes,
          json: (): unknown => JSON.parse(bytes.toString())
        })
      })
    })
    sent.end(body)
  })
}
