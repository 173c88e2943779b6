// Who may stand behind a socket: Node cannot ask for the peer's user, so the file system is the only proof that the daemon
// is ours. Refuses a socket, or its directory, that another user owns or can write to, and a symbolic link.

import { lstatSync, statSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { errno, PathmeshError } from '../proto/errors.ts'

const WRITABLE_BY_OTHERS = 0o022

/**
 * Returns when `socket` is a socket of this user in a directory that nobody else can write to; throws DENIED when it is not,
 * and the system's own error (ENOENT…) when it cannot be looked at.
 */
export function checkSocket(socket: string): void {
  const found = lstatSync(socket)
  if (!found.isSocket()) throw denied(socket, found.isSymbolicLink() ? 'is a symbolic link' : 'is not a socket')
  checkOwner(socket, found)
  const directory = dirname(socket)
  checkOwner(directory, statSync(directory))
}

/** Whether an error says that nobody listens at a socket. */
export function nobodyListens(error: unknown): boolean {
  const code = errno(error)
  return code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR'
}

function checkOwner(path: string, { uid, mode }: Stats): void {
  const own = process.getuid?.()
  if (own === undefined) return
  if (uid !== own) throw denied(path, `belongs to user ${uid}, not to ${own}`)
  if ((mode & WRITABLE_BY_OTHERS) !== 0)
    throw denied(path, `can be written by others (mode ${(mode & 0o777).toString(8)})`)
}

function denied(path: string, what: string): PathmeshError {
  return new PathmeshError(
    'DENIED',
    `${path} ${what}, so what answers there may not be your daemon. Use a folder of your own, mode 0700: --data, or PATHMESH_SOCKET`
  )
}
