// Where the class of a Work comes from: the module that another process has to import, and what that module was when it was first
// looked at, so that a file which is edited later is not taken for the code that runs.

import { moduleHash } from './module-file.ts'
import { moduleOf } from './module-of.ts'
import { Work } from './work.ts'

export interface ClassOrigin {
  /** URL of the module. */
  readonly module: string
  /** SHA-256 of its file. */
  readonly hash: string
  readonly className: string
  /** Whether a call may run twice. */
  readonly idempotent: boolean
}

const known = new WeakMap<object, Promise<ClassOrigin>>()

/** TypeError for a class that another process could not find; NOT_FOUND where its file is gone. */
export function classOrigin(work: Work): Promise<ClassOrigin> {
  const type: unknown = work.constructor
  if (!isWorkClass(type)) throw new TypeError('this is no Work')
  const found = known.get(type) ?? look(type)
  known.set(type, found)
  found.catch(() => known.delete(type))
  return found
}

async function look(type: typeof Work): Promise<ClassOrigin> {
  const { name, idempotent = false } = type
  const module = type.module ?? (await moduleOf(type))
  if (name !== '' && module !== undefined)
    return { module, hash: await moduleHash(module), className: name, idempotent }
  throw new TypeError(
    `${name === '' ? 'a Work without a name' : name} cannot be found by another process: define it in a file, give its class a name, export it, and say where it is, static module = import.meta.url`
  )
}

const isWorkClass = (type: unknown): type is typeof Work => typeof type === 'function' && type.prototype instanceof Work
