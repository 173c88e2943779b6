// pathmesh's own data folder, which holds keys and other nodes' content: neither shared nor written into, whatever links lead
// there. The folders of works in it are their owners' and are shared like any other.

import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errno, PathmeshError, toPathmeshError } from '../../proto/errors.ts'

export class OwnFolder {
  readonly #data: string

  private constructor(data: string) {
    this.#data = data
  }

  static async at(data: string): Promise<OwnFolder> {
    return new OwnFolder(await realpathOf(data))
  }

  /** DENIED for a real path that lies in the folder, or contains it. */
  refuse(path: string): void {
    const isWork = path.startsWith(`${join(this.#data, 'works')}/`)
    if (this.contains(path) && !isWork) throw this.#denied(path, 'lies in')
    if (this.#data.startsWith(path === '/' ? '/' : `${path}/`)) throw this.#denied(path, 'contains')
  }

  /** Whether a real path is the folder or lies in it. */
  contains(path: string): boolean {
    return path === this.#data || path.startsWith(`${this.#data}/`)
  }

  #denied(path: string, how: string): PathmeshError {
    return new PathmeshError('DENIED', `${path} ${how} pathmesh's own data folder ${this.#data}, which is left alone`)
  }
}

/** The path without links. What does not exist is taken to lie in its real parent. */
export async function realpathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw toPathmeshError(error, `looking at ${path}`)
    return path === dirname(path) ? path : join(await realpathOf(dirname(path)), basename(path))
  }
}
