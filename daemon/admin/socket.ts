// The Unix socket of the local API: made in a folder that only its owner can enter, taken over from a dead daemon, refused
// while a living one answers on it.

import { createAdaptorServer } from '@hono/node-server'
import { chmod, lstat, mkdir, stat, unlink } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { errno, PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { API_CONNECT_MS, API_HEADERS_BYTES_MAX, API_HEADERS_MS, STOP_MS } from '../../proto/limits.ts'
import type { App } from './app.ts'

export class AdminSocket {
  readonly path: string
  readonly #server: Server

  private constructor(path: string, server: Server) {
    this.path = path
    this.#server = server
  }

  /** IN_USE if a daemon answers there, DENIED if something that is no socket of ours lies there. */
  static async listen(path: string, app: App): Promise<AdminSocket> {
    await prepareFolder(dirname(path))
    await removeStale(path)
    const server = createAdaptorServer({
      fetch: app.fetch,
      createServer,
      serverOptions: { maxHeaderSize: API_HEADERS_BYTES_MAX },
      overrideGlobalObjects: false
    })
    if (!('requestTimeout' in server)) throw new PathmeshError('INTERNAL', 'the local API is not served by HTTP/1')
    // A long share or get is one request; only the way to its first byte is timed.
    server.requestTimeout = 0
    server.headersTimeout = API_HEADERS_MS
    server.keepAliveTimeout = 0
    await new Promise<void>((resolve, reject) => {
      server.once('error', error => reject(toPathmeshError(error, `listening on ${path}`)))
      server.listen(path, resolve)
    })
    await chmod(path, 0o600)
    return new AdminSocket(path, server)
  }

  /** Ends what is open after a moment, and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    const force = setTimeout(() => this.#server.closeAllConnections(), STOP_MS / 5)
    await closed
    clearTimeout(force)
  }
}

async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { uid, mode } = await stat(folder)
  if (uid !== process.getuid?.())
    throw new PathmeshError(
      'DENIED',
      `${folder} belongs to another user: choose another data folder, or set PATHMESH_SOCKET`
    )
  if ((mode & 0o077) !== 0) await chmod(folder, 0o700)
}

async function removeStale(path: string): Promise<void> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined
    throw toPathmeshError(error, `looking at ${path}`)
  })
  if (stats === undefined) return
  if (!stats.isSocket()) throw new PathmeshError('DENIED', `${path} is not a socket: remove it, or set PATHMESH_SOCKET`)
  if (await answers(path))
    throw new PathmeshError(
      'IN_USE',
      `a daemon answers on ${path} already: stop it with \`pathmesh down\`, or choose another --data folder`,
      { details: { socket: path } }
    )
  await unlink(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const done = (yes: boolean) => {
      socket.destroy()
      resolve(yes)
    }
    // One that accepts and says nothing, as a stopped daemon does, is alive.
    socket.setTimeout(API_CONNECT_MS, () => done(true))
    socket.once('connect', () => done(true))
    socket.once('error', error => {
      const code = errno(error)
      if (code === 'ECONNREFUSED' || code === 'ENOENT') done(false)
      else reject(toPathmeshError(error, `asking ${path}`))
    })
  })
}
