// References: what a user types, what travels in URLs, and the rules for names. Parses and prints; resolves nothing.
// Its own parser, never `URL`, which changes case and folds dots. Every refusal is INVALID_ARGUMENT and says what and where.

import { PathmeshError } from './errors.ts'
import { NAME_BYTES_MAX, REF_BYTES_MAX, TREE_PATH_BYTES_MAX } from './limits.ts'

/** A name: `path` is a published name less its work, or that and a path inside a published directory. */
export interface NameRef {
  readonly type: 'name'
  readonly work: string
  /** The node that published it: a PeerId, or a node's name. */
  readonly node?: string
  /** Segments joined by '/', never empty, no slash at either end. */
  readonly path: string
  /** Whether it was written with a slash at the end, which declares a directory. */
  readonly directory: boolean
  /** A `seq`, or the CID of a root. Without one the reference follows its name. */
  readonly version?: number | string
}

/** Content alone: a root, or what lies at `path` inside it. */
export interface ContentRef {
  readonly type: 'content'
  readonly cid: string
  /** Empty for the root itself. */
  readonly path: string
}

export type Ref = NameRef | ContentRef

export interface ParseRefOptions {
  /** As `?version=` in the text, which may then not name another. */
  readonly version?: number | string | undefined
}

const CONTROL = /\p{Cc}/u
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//
/** CIDv1 in lower-case base32, the one form that pathmesh prints. */
const CID = /^b[a-z2-7]{8,127}$/
const SEQ = /^[1-9][0-9]{0,15}$/
/** What stays as it is in a URL: RFC 3986's unreserved characters, and those of its others that no shell gives a meaning. */
const PLAIN = /[A-Za-z0-9._~+,=:-]/
const NODE_BYTES_MAX = 128
/** A name and a path inside it. Percent-encoded, with a node and a version, it stays below REF_BYTES_MAX. */
const WHOLE_BYTES_MAX = NAME_BYTES_MAX + TREE_PATH_BYTES_MAX

/**
 * The reference in `pathmesh://work[@node]/path[?version=…]`, `ipfs://cid[/path]` or `WORK[@NODE]/PATH`. The last form is
 * taken literally: '%' and '?' have no meaning in it, and a work with an '@' needs the first.
 */
export function parseRef(text: string, options: ParseRefOptions = {}): Ref {
  const bytes = Buffer.byteLength(text)
  if (bytes > REF_BYTES_MAX) throw refusal(text, `it is ${bytes} bytes long, more than ${REF_BYTES_MAX}`)
  if (!text.isWellFormed()) throw refusal(text, 'it holds half of a surrogate pair')
  const scheme = SCHEME.exec(text)
  if (scheme === null) return withVersion(parseCommandForm(text), options.version, text)
  if (CONTROL.test(text)) throw refusal(text, 'a control character must be percent-encoded in a URL')
  const rest = text.slice(scheme[0].length)
  const name = (scheme[1] ?? '').toLowerCase()
  if (name === 'pathmesh') return withVersion(parseNameUrl(rest, text), options.version, text)
  if (name === 'ipfs') return withVersion(parseContentUrl(rest, text), options.version, text)
  throw refusal(text, `its scheme is ${name}, not pathmesh or ipfs`)
}

/** The URL of a reference, canonical: `parseRef` turns it back into an equal one. Refuses what `parseRef` would. */
export function formatRef(ref: Ref): string {
  checkRef(ref)
  if (ref.type === 'content') return `ipfs://${ref.cid}${ref.path === '' ? '' : `/${encodePath(ref.path)}`}`
  const node = ref.node === undefined ? '' : `@${encodeSegment(ref.node)}`
  const version = ref.version === undefined ? '' : `?version=${ref.version}`
  return `pathmesh://${encodeSegment(ref.work)}${node}/${encodePath(ref.path)}${ref.directory ? '/' : ''}${version}`
}

/** Refuses a reference that was put together wrongly; returns it otherwise. */
export function checkRef<R extends Ref>(ref: R): R {
  const shown = ref.type === 'name' ? `${ref.work}/${ref.path}` : `${ref.cid}/${ref.path}`
  if (ref.type === 'content') {
    if (!CID.test(ref.cid)) throw refusal(shown, `${quote(ref.cid)} is not a CIDv1 in base32 (b…)`)
    if (ref.path !== '') checkSegments(ref.path, shown)
    if (Buffer.byteLength(ref.path) > TREE_PATH_BYTES_MAX)
      throw refusal(shown, `its path is longer than ${TREE_PATH_BYTES_MAX} bytes`)
    return ref
  }
  checkWorkIn(ref.work, shown)
  if (ref.path === '') throw refusal(shown, 'a path is missing after the work: WORK/PATH')
  checkSegments(ref.path, shown)
  if (Buffer.byteLength(shown) > WHOLE_BYTES_MAX) throw refusal(shown, `it is longer than ${WHOLE_BYTES_MAX} bytes`)
  if (ref.node !== undefined) checkNode(ref.node, shown)
  if (ref.version !== undefined) checkVersion(ref.version, shown)
  return ref
}

/** A version in text: a `seq` as a number, else a root CID. */
export function parseVersion(text: string): number | string {
  return SEQ.test(text) ? checkVersion(Number(text), text) : checkVersion(text, text)
}

/**
 * Refuses what may not be published as a name, `work/path`: NFC, at most NAME_BYTES_MAX bytes, two segments or more, none of
 * them empty, '.' or '..', no control character, no lone surrogate.
 */
export function checkName(name: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes > NAME_BYTES_MAX) throw refusal(name, `a name is ${bytes} bytes long, more than ${NAME_BYTES_MAX}`)
  checkSegments(name, name)
  if (!name.includes('/')) throw refusal(name, 'a name has two parts or more: WORK/PATH')
  if (CONTROL.test(name)) throw refusal(name, 'a name may not hold a control character')
  if (name.normalize('NFC') !== name) throw refusal(name, 'a name must be in Unicode normal form C')
}

/** The name, `work/path`, in `WORK/PATH` or `pathmesh://work/path`. INVALID_ARGUMENT for what nobody can publish under. */
export function publishedName(text: string): string {
  const ref = parseRef(text)
  if (ref.type === 'content' || ref.node !== undefined || ref.version !== undefined)
    throw refusal(
      text,
      "a name to publish under is WORK/PATH, without a node or a version (a work with an '@' is written pathmesh://a%40b/path)"
    )
  const name = `${ref.work}/${ref.path}`
  checkName(name)
  return name
}

/** The same, of a Payload: not of a directory. */
export function payloadName(text: string): string {
  const name = publishedName(text)
  if (text.endsWith('/'))
    throw refusal(text, 'a Payload is one object, and no directory: leave out the slash at the end')
  return name
}

/** Refuses what is no name of a work. */
export function checkWork(work: string): void {
  checkWorkIn(work, work)
}

/**
 * The name of a file that is shared without one: `<node>/<basename>`, in NFC, with '%' and control characters written as %XX,
 * so that `decodeURIComponent` gives the basename (in NFC) back.
 */
export function defaultName(node: string, basename: string): string {
  const name = `${plainText(node)}/${plainText(basename)}`
  checkName(name)
  return name
}

// Marks that follow go along, or the last digit and a mark might compose and the name be NFC no more.
function plainText(text: string): string {
  return text.normalize('NFC').replace(/[%/\p{Cc}]\p{M}*/gu, found => percent(found))
}

function parseCommandForm(text: string): Ref {
  const slash = text.indexOf('/')
  if (slash < 0) throw refusal(text, 'a path is missing after the work: WORK/PATH')
  const [work = '', node, ...more] = text.slice(0, slash).split('@')
  if (more.length > 0)
    throw refusal(text, "more than one '@' before the first '/': write pathmesh://, with %40 for the others")
  return nameRef(work, node, text.slice(slash + 1))
}

function parseNameUrl(rest: string, text: string): Ref {
  const { body, query } = splitQuery(rest, text)
  const slash = body.indexOf('/')
  if (slash < 0) throw refusal(text, 'a path is missing after the work: pathmesh://WORK/PATH')
  const [work = '', node, ...more] = body.slice(0, slash).split('@')
  if (more.length > 0) throw refusal(text, "more than one '@' before the path: write %40 for those of the work")
  const decodedNode = node === undefined ? undefined : decodeSegment(node, text)
  const ref = nameRef(decodeSegment(work, text), decodedNode, decodePath(body.slice(slash + 1), text))
  return query === undefined ? ref : { ...ref, version: parseVersion(query) }
}

function parseContentUrl(rest: string, text: string): Ref {
  const { body, query } = splitQuery(rest, text)
  if (query !== undefined) throw refusal(text, 'content has no versions')
  const slash = body.indexOf('/')
  const path = slash < 0 ? '' : decodePath(body.slice(slash + 1), text)
  const cid = slash < 0 ? body : body.slice(0, slash)
  return checkRef({ type: 'content', cid, path: path.endsWith('/') ? path.slice(0, -1) : path })
}

function nameRef(work: string, node: string | undefined, path: string): NameRef {
  const directory = path.endsWith('/')
  const base = { type: 'name', work, path: directory ? path.slice(0, -1) : path, directory } as const
  return checkRef(node === undefined ? base : { ...base, node })
}

function withVersion(ref: Ref, version: number | string | undefined, text: string): Ref {
  if (version === undefined) return ref
  if (ref.type === 'content') throw refusal(text, 'content has no versions')
  const wanted = typeof version === 'string' ? parseVersion(version) : checkVersion(version, text)
  if (ref.version !== undefined && ref.version !== wanted) {
    throw refusal(text, `it names version ${ref.version}, and version ${wanted} was asked for`)
  }
  return { ...ref, version: wanted }
}

function splitQuery(rest: string, text: string): { body: string; query: string | undefined } {
  if (rest.includes('#')) throw refusal(text, "a '#' must be written %23")
  const [body = '', query, ...more] = rest.split('?')
  if (query === undefined) return { body, query }
  if (more.length > 0) throw refusal(text, "a '?' in a name must be written %3F")
  if (!query.startsWith('version=') || query.includes('&'))
    throw refusal(text, 'the only thing after a ? is version=SEQ or version=CID')
  return { body, query: query.slice('version='.length) }
}

function decodePath(path: string, text: string): string {
  return path
    .split('/')
    .map(segment => decodeSegment(segment, text))
    .join('/')
}

function decodeSegment(segment: string, text: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(segment))
    throw refusal(text, `a '%' in ${quote(segment)} is not followed by two hexadecimal digits`)
  let decoded: string
  try {
    decoded = decodeURIComponent(segment)
  } catch (cause) {
    throw refusal(text, `the bytes of ${quote(segment)} are not UTF-8`, cause)
  }
  if (decoded.includes('/')) throw refusal(text, `${quote(segment)} hides a slash`)
  return decoded
}

function checkSegments(path: string, text: string): void {
  if (!path.isWellFormed()) throw refusal(text, 'it holds half of a surrogate pair')
  for (const [index, segment] of path.split('/').entries()) {
    const part = `part ${index + 1} of its path`
    if (segment === '') throw refusal(text, `${part} is empty`)
    if (segment === '.' || segment === '..') throw refusal(text, `${part} is ${quote(segment)}`)
    if (segment.includes('\0')) throw refusal(text, `${part} holds a NUL`)
  }
}

function checkWorkIn(work: string, text: string): void {
  if (work === '') throw refusal(text, 'the work is empty')
  if (work.includes('/')) throw refusal(text, 'the work holds a slash')
  if (work === '.' || work === '..') throw refusal(text, `the work is ${quote(work)}`)
  if (!work.isWellFormed() || CONTROL.test(work))
    throw refusal(text, 'the work holds a control character or half of a surrogate pair')
  if (work.normalize('NFC') !== work) throw refusal(text, 'the work must be in Unicode normal form C')
  if (Buffer.byteLength(work) > NAME_BYTES_MAX) throw refusal(text, `the work is longer than ${NAME_BYTES_MAX} bytes`)
}

function checkNode(node: string, text: string): void {
  if (node === '') throw refusal(text, "the node after '@' is empty")
  if (Buffer.byteLength(node) > NODE_BYTES_MAX) throw refusal(text, `the node is longer than ${NODE_BYTES_MAX} bytes`)
  if (node.includes('/') || !node.isWellFormed() || CONTROL.test(node)) {
    throw refusal(text, 'the node holds a slash, a control character or half of a surrogate pair')
  }
}

function checkVersion(version: number | string, text: string): number | string {
  const valid = typeof version === 'number' ? Number.isSafeInteger(version) && version >= 1 : CID.test(version)
  if (!valid)
    throw refusal(text, `version ${quote(String(version))} is neither a number from 1 nor a CIDv1 in base32 (b…)`)
  return version
}

function encodePath(path: string): string {
  return path
    .split('/')
    .map(segment => encodeSegment(segment))
    .join('/')
}

function encodeSegment(segment: string): string {
  return segment.replace(/[^]/gu, character => (PLAIN.test(character) ? character : percent(character)))
}

function percent(text: string): string {
  return Array.from(Buffer.from(text), byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)
}

function refusal(text: string, what: string, cause?: unknown): PathmeshError {
  return new PathmeshError('INVALID_ARGUMENT', `${quote(text)} is not a reference: ${what}`, { cause })
}
