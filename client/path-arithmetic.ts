// Arithmetic on references: pure, keeps work, node and version. Refuses to climb out of the work, and to mix two origins.

import { PathmeshError } from '../proto/errors.ts'
import { stemOf } from '../proto/path-json.ts'
import { checkName, checkRef, type NameRef, type Ref } from '../proto/ref.ts'

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//

/** The stem that a user writes: a relative path that can be published, with a slash at its end for a directory. INVALID_ARGUMENT else. */
export function relativeStem(text: string): NameRef {
  if (SCHEME.test(text) || text.startsWith('/'))
    throw new PathmeshError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text)} is not a path inside a Work, as 'checkpoints/' is: mesh.path(…) takes references, and mesh.share(…) files of this machine`
    )
  const directory = text.endsWith('/')
  const stem = stemOf(directory ? text.slice(0, -1) : text, directory)
  checkName(`${stem.work}/${stem.path}`)
  return stem
}

/** `ref` with `segments` behind it; each may hold several parts. A slash at the end of the last declares a directory. */
export function joinRef(ref: Ref, segments: readonly string[]): Ref {
  const given = segments.filter(segment => segment !== '')
  const last = given.at(-1)
  if (last === undefined) return ref
  const parts = given.flatMap((segment, index) => {
    if (segment.startsWith('/'))
      throw new PathmeshError(
        'INVALID_ARGUMENT',
        `${JSON.stringify(segment)} begins with a slash: join() takes what lies below`
      )
    return index < given.length && segment.endsWith('/') ? segment.slice(0, -1).split('/') : segment.split('/')
  })
  const path = [...(ref.path === '' ? [] : ref.path.split('/')), ...parts].join('/')
  return withPath(ref, path, last.endsWith('/'))
}

/** What `ref` lies in; undefined at the top of a work or of content. */
export function parentRef(ref: Ref): Ref | undefined {
  if (ref.path === '') return undefined
  const slash = ref.path.lastIndexOf('/')
  if (slash < 0) return ref.type === 'content' ? { ...ref, path: '' } : undefined
  return withPath(ref, ref.path.slice(0, slash), false)
}

/** The last part of its path; of content alone, its CID. */
export function basenameOf(ref: Ref): string {
  if (ref.path === '') return ref.type === 'content' ? ref.cid : ref.work
  return ref.path.slice(ref.path.lastIndexOf('/') + 1)
}

export function withBasenameRef(ref: Ref, basename: string): Ref {
  const bare = basename.endsWith('/') ? basename.slice(0, -1) : basename
  if (bare.includes('/'))
    throw new PathmeshError('INVALID_ARGUMENT', `${JSON.stringify(basename)} is not a basename: it holds a slash`)
  const slash = ref.path.lastIndexOf('/')
  return withPath(ref, `${ref.path.slice(0, slash + 1)}${bare}`, basename.endsWith('/'))
}

/** The path from `base` down to `ref`: '' when they are the same. Throws TypeError when `ref` does not lie in `base`. */
export function relativeRef(base: Ref, ref: Ref): string {
  if (!sameOrigin(base, ref))
    throw new TypeError(`${describe(ref)} and ${describe(base)} are of different origins or versions`)
  if (base.path === ref.path) return ''
  if (base.path !== '' && !ref.path.startsWith(`${base.path}/`))
    throw new TypeError(`${ref.path} does not lie in ${base.path}`)
  return base.path === '' ? ref.path : ref.path.slice(base.path.length + 1)
}

/** Whether two references have one work, node and version, or are of one root. */
export function sameOrigin(a: Ref, b: Ref): boolean {
  if (a.type === 'content') return b.type === 'content' && a.cid === b.cid
  return b.type === 'name' && a.work === b.work && a.node === b.node && a.version === b.version
}

function withPath(ref: Ref, path: string, directory: boolean): Ref {
  return checkRef(ref.type === 'content' ? { ...ref, path } : { ...ref, path, directory })
}

function describe(ref: Ref): string {
  return ref.type === 'content' ? ref.cid : `${ref.work}${ref.node === undefined ? '' : `@${ref.node}`}`
}
