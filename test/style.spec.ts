// What the house style says and a machine can check, beyond the linter: names, sizes, first lines, words that have no place
// here. Looks at every text file of the repository, not at what is generated or installed.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, it } from 'mocha'

const ROOT = join(import.meta.dirname, '../..')
const NOT_OURS = /^(?:\.git|node_modules|dist|\.build.*)$/
const TEXT = /\.(?:ts|js|cjs|mjs|json|md|proto|txt|yml|yaml)$|^LICENSE$|^run$|^\.[a-z]+$/
const LINES_MAX = 400

interface File {
  readonly path: string
  readonly text: string
}

describe('the repository', () => {
  const files = textFiles()
  const written = files.filter(({ path }) => !path.startsWith('proto/generated/'))
  const code = written.filter(({ path }) => /\.(?:ts|c?js)$/.test(path))

  it('is read', () => {
    for (const path of ['README.md', 'package.json', 'bin.ts', 'proto/errors.ts', '.ci/run', 'LICENSE']) {
      assert.ok(
        files.some(file => file.path === path),
        path
      )
    }
  })

  it('names files in kebab-case', () => {
    const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.spec)?\.(?:ts|c?js)$/
    assert.deepEqual(
      code.map(({ path }) => path).filter(path => !kebab.test(basename(path))),
      []
    )
    const vague = /^(?:utils?|helpers?|misc|common)\.[a-z]+$/
    assert.deepEqual(
      code.map(({ path }) => path).filter(path => vague.test(basename(path))),
      []
    )
  })

  it('opens each file with what it is for', () => {
    const opens = /^(?:#!.*\n)?(?:\/\/ oxlint-disable.*\n.*\n+)?\/\/ \S.{20,}/
    assert.deepEqual(
      code.filter(({ text }) => !opens.test(text)).map(({ path }) => path),
      []
    )
  })

  it(`has no file of more than ${LINES_MAX} lines`, () => {
    const long = code.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    assert.deepEqual(
      long.filter(({ lines }) => lines > LINES_MAX).map(({ path, lines }) => `${path}: ${lines}`),
      []
    )
  })

  it('exports by name, and no name that says nothing', () => {
    const empty =
      /^export (?:declare |abstract |async )*(?:class|function\*?|const|let|interface|type) (\w*(?:Manager|Helper|Util|Impl|Service)s?(?![a-z])\w*)/gm
    const found = code.flatMap(({ path, text }) => [...text.matchAll(empty)].map(([, name = '']) => `${path}: ${name}`))
    assert.deepEqual(found, [])
    assert.deepEqual(matches(code, /^export default\b/gm), [])
  })

  it('has nothing postponed, commented out of the linter without a reason, or hidden from the compiler', () => {
    assert.deepEqual(matches(written, /\b(?:TO\x44O|FIX\x4dE|HA\x43K|XX\x58)\b/g), [])
    assert.deepEqual(matches(code, /\/\/ (?:ox|es)lint-disable(?!.* -- \S).*$/gm), [])
    assert.deepEqual(
      matches(code, /^\s*\/\/ @ts-(?:ignore|expect-error|nocheck)|\bas unknown as\b|\bas any\b|\bas never\b/gm),
      []
    )
  })

  it('declares no enum and no namespace of its own', () => {
    assert.deepEqual(matches(code, /^\s*(?:export |const |declare )*(?:enum|namespace) \w+/gm), [])
  })

  it('sets no bound or wait outside the table of limits', () => {
    const sources = code.filter(({ path }) => /^(?:client|daemon|bin)/.test(path))
    assert.deepEqual(
      matches(sources, /^export const [A-Z0-9_]*(?:_MS|_MAX|TIMEOUT\w*)\b = /gm).filter(found => !(found in LIMITS)),
      []
    )
  })

  it('speaks of no machine and of no registry', () => {
    assert.deepEqual(matches(files, /(?<![\w/.<>})$-])\/(?:work|root|home\/\w+)\/[\w.-]+/g), [])
    assert.deepEqual(
      matches(files, /\bregistry\.[a-z0-9-]+\.[a-z]+|\bhttps?:\/\/[^\s"')]*(?:npmjs|artifactory|nexus)[^\s"')]*/g),
      []
    )
  })
})

/** Facts of a format rather than choices, which stay with the format. */
const LIMITS: Readonly<Record<string, string>> = {
  'daemon/content/hamt.ts: export const SHARD_LEVELS_MAX = ': 'the bytes of a 64-bit hash'
}

function matches(files: readonly File[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) => (text.match(pattern) ?? []).map(found => `${path}: ${found.trimStart()}`))
}

function textFiles(): File[] {
  const top = readdirSync(ROOT, { withFileTypes: true }).filter(({ name }) => !NOT_OURS.test(name))
  const paths = top.flatMap(entry => {
    if (!entry.isDirectory()) return [entry.name]
    const inside = readdirSync(join(ROOT, entry.name), { recursive: true, encoding: 'utf8' })
    return inside.map(name => `${entry.name}/${name}`)
  })
  return paths
    .filter(path => TEXT.test(basename(path)))
    .map(path => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}
