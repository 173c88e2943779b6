// The table of docs/lightning.md against the tests: each that it names is there, by that name. Says nothing of what they test.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'mocha'

const ROOT = join(import.meta.dirname, '../../..')
const ROW = /^\|[^|]*\| ([\w-]+(?:\/[\w-]+)+) \| (.+) \|$/gm

describe('the page for people who come from Lightning', () => {
  const page = readFileSync(join(ROOT, 'docs/lightning.md'), 'utf8')
  const [, tests = ''] = page.split('## Lightning')

  it('names tests that there are', () => {
    const rows = [...tests.matchAll(ROW)]
    assert.equal(rows.length, (tests.match(/^\| .*\w/gm) ?? []).length - 2)
    for (const [, file = '', name = ''] of rows) {
      const path = join(ROOT, `test/${file}.spec.ts`)
      assert.ok(existsSync(path), file)
      const quoted = name.startsWith('`') ? name : `'${name.replaceAll("'", "\\'")}'`
      assert.ok(readFileSync(path, 'utf8').includes(`it(${quoted}`), `${file}: ${name}`)
    }
  })

  it('links to what is there', () => {
    for (const [, target = ''] of page.matchAll(/\]\((?!https?:)([^)#]+)/g))
      assert.ok(existsSync(join(ROOT, 'docs', target)), target)
  })
})
