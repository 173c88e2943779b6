// Where a class was defined: what starts a process for it has to import it there. Asks V8, which knows the script of every function
// (Chrome DevTools Protocol: internal property [[FunctionLocation]], event Debugger.scriptParsed).

import { Session } from 'node:inspector/promises'

/** URL of the module that defines a class; undefined where this runtime does not say. */
export async function moduleOf(type: object): Promise<string | undefined> {
  const session = new Session()
  const urls = new Map<string, string>()
  session.on('Debugger.scriptParsed', ({ params }) => urls.set(params.scriptId, params.url))
  session.connect()
  // What the inspector evaluates sees the globals alone.
  const key = Symbol.for('pathmesh.module-of')
  try {
    await session.post('Debugger.enable')
    Reflect.set(globalThis, key, type)
    const expression = `globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(key))})]`
    const { result } = await session.post('Runtime.evaluate', { expression })
    if (result.objectId === undefined) return undefined
    const found = await session.post('Runtime.getProperties', { objectId: result.objectId, ownProperties: true })
    const location: unknown = found.internalProperties?.find(({ name }) => name === '[[FunctionLocation]]')?.value
      ?.value
    if (typeof location !== 'object' || location === null || !('scriptId' in location)) return undefined
    const url = typeof location.scriptId === 'string' ? urls.get(location.scriptId) : undefined
    // A program that was typed, or read from standard input, has no file.
    return url?.startsWith('file:') === true && !/\[eval\d*\]$/.test(decodeURI(url)) ? url : undefined
  } finally {
    Reflect.deleteProperty(globalThis, key)
    session.disconnect()
  }
}
