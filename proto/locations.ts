// Where a daemon keeps its things and where its socket is found: one rule for the daemon, the command and the client.

import { join } from 'node:path'
import { PathmeshError } from './errors.ts'
import { SOCKET_PATH_BYTES_MAX } from './limits.ts'

export interface LocationOptions {
  /** The data folder; by default `PATHMESH_DATA`, else `pathmesh` in the XDG data folder. */
  readonly data?: string | undefined
  /** The socket; by default `PATHMESH_SOCKET`, else it follows from the data folder. */
  readonly socket?: string | undefined
}

export interface Locations {
  readonly data: string
  readonly socket: string
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Absolute paths of the data folder and of the socket. A data folder that was named holds its own socket; the default one
 * has it in `$XDG_RUNTIME_DIR/pathmesh/` where there is such a folder. Throws INVALID_ARGUMENT for a socket path that is
 * longer than the system takes, since the system itself would cut it short.
 */
export function locate(options: LocationOptions, env: Environment, cwd: string): Locations {
  const named = filled(options.data) ?? filled(env['PATHMESH_DATA'])
  const home = filled(env['HOME']) ?? cwd
  const data = absolute(named ?? join(filled(env['XDG_DATA_HOME']) ?? join(home, '.local', 'share'), 'pathmesh'), cwd)
  const runtime = filled(env['XDG_RUNTIME_DIR'])
  const beside = named === undefined && runtime !== undefined ? join(runtime, 'pathmesh') : data
  const socket = absolute(filled(options.socket) ?? filled(env['PATHMESH_SOCKET']) ?? join(beside, 'admin.sock'), cwd)
  const bytes = Buffer.byteLength(socket)
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `the socket's path is ${bytes} bytes long, and the system takes ${SOCKET_PATH_BYTES_MAX}: ${socket}. Choose a shorter data folder, or set PATHMESH_SOCKET to a short path`
    )
  }
  return { data, socket }
}

function filled(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value
}

function absolute(path: string, cwd: string): string {
  return path.startsWith('/') ? join(path) : join(cwd, path)
}
