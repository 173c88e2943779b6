// The module that defines a Work: where it is, what its bytes are, and which of its exports is meant. Makes no Work itself.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import { Work } from './work.ts'

/** A class that extends Work and is made without arguments. */
export interface WorkClass {
  new (): Work
  readonly name: string
  readonly lazy?: readonly string[]
}

/** URL of a module that is named by a path, relative to the working directory, or by a file: URL. */
export function moduleUrl(module: string): string {
  return module.startsWith('file:') ? new URL(module).href : pathToFileURL(resolve(module)).href
}

/** SHA-256 of the module's file, in hexadecimal; what it imports is not in it. NOT_FOUND where there is none. */
export async function moduleHash(url: string): Promise<string> {
  const path = pathOf(url)
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
  } catch (error) {
    throw toPathmeshError(error, `cannot read the module ${path}`)
  }
}

/**
 * Loads the module and finds its Work: the export, or the class, of that name; without one, the default export, or the only Work among the others.
 * INVALID_ARGUMENT, naming the exports that are Works, where there is no such; or where the module fails as it is loaded.
 */
export async function loadClass(url: string, name: string | undefined): Promise<WorkClass> {
  const exported = await load(url)
  const works = Object.entries(exported).filter((entry): entry is [string, WorkClass] => isWorkClass(entry[1]))
  const found = name === undefined ? byDefault(works) : called(name, works)
  if (found !== undefined) return found
  const path = pathOf(url)
  const there = works.map(([key]) => key).join(', ')
  if (works.length === 0) throw none(path, Object.values(exported))
  const wanted = name === undefined ? 'exports several Works' : `exports no Work called ${JSON.stringify(name)}`
  throw new PathmeshError('INVALID_ARGUMENT', `${path} ${wanted}: name one of ${there}`)
}

/** Path of a module, for people. */
export function pathOf(url: string): string {
  return fileURLToPath(url)
}

async function load(url: string): Promise<object> {
  try {
    const exported: object = await import(url)
    return exported
  } catch (error) {
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const stack = error instanceof Error ? error.stack : undefined
    throw new PathmeshError('INVALID_ARGUMENT', `the module ${pathOf(url)} cannot be loaded: ${said}`, {
      cause: error,
      ...(stack === undefined ? {} : { details: { stack } })
    })
  }
}

function byDefault(works: readonly [string, WorkClass][]): WorkClass | undefined {
  const chosen = works.find(([key]) => key === 'default')?.[1]
  const classes = [...new Set(works.map(([, work]) => work))]
  return chosen ?? (classes.length === 1 ? classes[0] : undefined)
}

/** A class may be exported under another name than its own, which is all that an object of it knows. */
function called(name: string, works: readonly [string, WorkClass][]): WorkClass | undefined {
  return (works.find(([key]) => key === name) ?? works.find(([, work]) => work.name === name))?.[1]
}

function none(path: string, exported: readonly unknown[]): PathmeshError {
  // A second installation has a class Work of its own.
  const foreign = exported.some(value => isClass(value) && typeof value.prototype.run === 'function')
  const why = foreign
    ? 'it exports a class with run(), but that extends no Work of this installation of pathmesh: use one for both, and extend Work'
    : 'export a class that extends Work, with run()'
  return new PathmeshError('INVALID_ARGUMENT', `there is no Work in ${path}: ${why}`)
}

function isClass(value: unknown): value is { readonly prototype: { readonly run?: unknown } } {
  return typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null
}

function isWorkClass(value: unknown): value is WorkClass {
  return typeof value === 'function' && value.prototype instanceof Work
}
