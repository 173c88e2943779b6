// The module that defines a Work: where it is, what its bytes are, and which of its exports is meant. Makes no Work itself.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PathmeshError, toPathmeshError } from '../../proto/errors.ts'
import type { Which } from './messages.ts'
import { Work } from './work.ts'

/** A class that extends Work and is made without arguments. */
export interface WorkClass {
  new (): Work
  readonly name: string
  readonly lazy?: readonly string[]
}

/** Exports that are Works. */
type Works = readonly [string, WorkClass][]

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
 * Loads the module and finds the Work that is meant. A `name` is that of an export, or else of a class; a `className` that of a class, or
 * else of an export. INVALID_ARGUMENT, naming the exports that are Works, where there is no such; or where the module fails as it is loaded.
 */
export async function loadClass(url: string, which: Which): Promise<WorkClass> {
  const exported = await load(url)
  const works = Object.entries(exported).filter((entry): entry is [string, WorkClass] => isWorkClass(entry[1]))
  const found = chosen(works, which)
  if (found !== undefined) return found
  const path = pathOf(url)
  throw works.length === 0
    ? none(path, Object.values(exported))
    : new PathmeshError('INVALID_ARGUMENT', `${path} ${notThere(works, which)}`)
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

function chosen(works: Works, { name, className }: Which): WorkClass | undefined {
  if (name !== undefined) return exportedAs(name, works) ?? ofClass(name, works)
  if (className !== undefined) return ofClass(className, works) ?? exportedAs(className, works)
  const classes = new Set(works.map(([, work]) => work))
  return exportedAs('default', works) ?? (classes.size === 1 ? works[0]?.[1] : undefined)
}

const exportedAs = (name: string, works: Works): WorkClass | undefined => works.find(([key]) => key === name)?.[1]

/** A class may be exported under another name than its own, which is all that an object of it knows. */
const ofClass = (name: string, works: Works): WorkClass | undefined => works.find(([, work]) => work.name === name)?.[1]

function notThere(works: Works, { name, className }: Which): string {
  const there = works.map(([key]) => key).join(', ')
  if (name !== undefined) return `exports no Work called ${JSON.stringify(name)}: name one of ${there}`
  if (className !== undefined)
    return `does not export the class ${className}, which the process of a Work has to import: export it. Its Works are ${there}`
  return `exports several Works, ${there}: say which, by --export NAME, or by name where mesh.host() is called`
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
