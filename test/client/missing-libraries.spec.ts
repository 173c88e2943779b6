// Tables where a library is not installed: a program of its own, in which importing it fails.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, it } from 'mocha'
import { fixture, loadArrow } from '../fixtures/arrow/tables.ts'

const CLIENT = join(import.meta.dirname, '../../client')

/** What a module prints in which importing these packages fails as it does where they are not installed. */
function printed(missing: readonly string[], body: string): unknown {
  const hooks = `
    export async function resolve(specifier, context, next) {
      if (!${JSON.stringify(missing)}.includes(specifier)) return next(specifier, context)
      throw Object.assign(new Error('Cannot find package ' + specifier), { code: 'ERR_MODULE_NOT_FOUND' })
    }`
  const script = `
    import { register } from 'node:module'
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))
    const { codecsOf } = await import(${JSON.stringify(pathToFileURL(join(CLIENT, 'codecs/registry.js')).href)})
    const { Payload } = await import(${JSON.stringify(pathToFileURL(join(CLIENT, 'payload.js')).href)})
    const { readFile } = await import('node:fs/promises')
    ${body}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
    cwd: join(import.meta.dirname, '../..')
  })
  assert.equal(status, 0, stderr)
  const value: unknown = JSON.parse(stdout)
  return value
}

/** Gets a Payload that polars has written, from a daemon that is not one. */
const GET = `
  const bytes = await readFile(${JSON.stringify(fixture('from-js-polars'))})
  const got = { event: 'bytes', bytes: bytes.toString('base64'), kind: 'file', cid: 'bafk', root: 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', seq: 1, origin: null, meta: null, codec: 'polars', mediaType: 'application/vnd.apache.arrow.file', size: bytes.length, bytesFetched: 0, seconds: 0, providers: [] }
  const calls = { getInline: async () => got, session: { id: async () => 's' }, release: async () => undefined }
  const payload = new Payload(undefined, { ref: { type: 'name', work: 'w', path: 'df', directory: false }, calls })
  const told = await payload.get().then(value => ({ kind: value.constructor.name, rows: value.numRows ?? value.height }), ({ code, message }) => ({ code, message }))
  const raw = await payload.get({ as: 'bytes' })
  console.log(JSON.stringify({ ...told, raw: raw.length === bytes.length }))`

describe('a table of polars', () => {
  it('is an Arrow Table where nodejs-polars is not installed', async function () {
    if ((await loadArrow()) === undefined) this.skip()
    const told = printed(['nodejs-polars'], GET)
    assert.ok(typeof told === 'object' && told !== null && 'kind' in told && 'rows' in told && 'raw' in told)
    assert.deepEqual([told.kind, told.raw], ['Table', true])
    assert.ok(Number(told.rows) > 0)
  })

  it('is CODEC_NOT_FOUND, saying what to install, where neither library is; its bytes can be had', () => {
    const told = printed(['nodejs-polars', 'apache-arrow'], GET)
    assert.ok(typeof told === 'object' && told !== null && 'code' in told && 'message' in told && 'raw' in told)
    assert.deepEqual([told.code, told.raw], ['CODEC_NOT_FOUND', true])
    assert.match(String(told.message), /npm install nodejs-polars/)
  })
})
