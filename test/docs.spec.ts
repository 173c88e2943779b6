// The papers against the code: what README and docs say that can be compared. A page that is generated is up to date, commands,
// flags, routes and settings are all there, links lead somewhere, and the first program of the README is one that compiles.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, it } from 'mocha'
import { Context } from '../client/cli/context.ts'
import { program } from '../client/cli/main.ts'
import { EXAMPLES } from '../examples/example-list.ts'
import { ERRORS } from '../proto/errors.ts'
import {
  CALL_ARGS_BYTES_MAX,
  CALL_KEPT_MS,
  CALL_LOG_LINES_MAX,
  CALL_RESULT_BYTES_MAX,
  CALLS_KEPT_ALL_MAX,
  CALLS_KEPT_MAX,
  CALLS_QUEUED_MAX,
  CANCEL_MS,
  DEFAULT_PORT,
  HOST_BACK_MS,
  LAST_WORDS_MS,
  LOG_LINE_CHARS_MAX,
  WORK_LOST_MS,
  WORK_READY_MS,
  WORK_STATE_BYTES_MAX,
  WORKS_HOSTED_MAX
} from '../proto/limits.ts'
import { ROUTES } from '../proto/routes.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

describe('the papers', () => {
  const readme = read('README.md')

  it('give the two commands of a newcomer', () => {
    for (const command of ['npm ci && npm run demo', 'npm cit']) assert.ok(readme.includes(`\n${command}\n`), command)
  })

  it('list every command, and its flags', () => {
    const io = {
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      env: {},
      cwd: '/',
      runDaemon: async () => 0,
      self: ['node'] as const,
      interrupted: () => new AbortController().signal
    }
    const { commands } = program(
      { ...io, self: ['node'] },
      () => new Context({ ...io, self: ['node'] }, {}),
      () => undefined
    )
    const [, section = ''] = /\n## The command\n([^]*?)\n## /.exec(readme) ?? []
    const rows = [...section.matchAll(/^\| `(\w+)(.*?)` \|/gm)]
    assert.deepEqual(
      rows.map(([, name]) => name),
      commands.map(command => command.name())
    )
    for (const command of commands) {
      const [, , usage = ''] = rows.find(([, name]) => name === command.name()) ?? []
      for (const { long } of command.options) assert.ok(usage.includes(long ?? ''), `${command.name()} ${long}`)
    }
  })

  it('show a program that is one of the examples', () => {
    const example = read('examples/share-and-get.ts')
      .split('\n')
      .map(line => line.trim())
    const [, snippet = ''] = /```ts\n([^`]*)```/.exec(readme) ?? []
    const lines = snippet.split('\n').map(line => line.replace(/\s+\/\/.*$/, '').trim())
    const code = lines.filter(line => line !== '' && !line.startsWith('//'))
    assert.ok(code.length > 5)
    for (const line of code) assert.ok(example.includes(line), line)
  })

  it('tell all exit statuses, the port and the settings', () => {
    for (const { exit } of Object.values(ERRORS)) assert.match(readme, new RegExp(`\\b${exit} [a-z]`), `status ${exit}`)
    assert.ok(readme.includes(`TCP ${DEFAULT_PORT}`))
    const settings = new Set(`${read('daemon/config.ts')}${read('proto/locations.ts')}`.match(/PATHMESH_[A-Z_]+/g))
    assert.ok(settings.size > 3)
    for (const setting of settings) assert.ok(readme.includes(setting), setting)
  })

  it('describe every route of the local API', () => {
    const page = read('docs/api.md')
    for (const { path } of Object.values(ROUTES)) assert.ok(page.includes(path), path)
  })

  it('describe every request between nodes', () => {
    const page = read('docs/protocol.md')
    for (const file of ['exchange', 'catalogue']) {
      for (const [, method] of read(`proto/${file}.proto`).matchAll(/^\/\/ method "(\w+)"/gm))
        assert.ok(page.includes(`| \`${method}\` |`), method)
    }
    for (const [, kind = ''] of read('proto/rpc.proto').matchAll(/^ {2}([A-Z]+) = \d/gm))
      assert.ok(page.includes(`| \`${kind}\` |`), kind)
  })

  it('explain every dependency', () => {
    const page = read('docs/decisions.md')
    const manifest: unknown = JSON.parse(read('package.json'))
    assert.ok(typeof manifest === 'object' && manifest !== null && 'dependencies' in manifest)
    assert.ok(typeof manifest.dependencies === 'object' && manifest.dependencies !== null)
    assert.ok('peerDependencies' in manifest)
    assert.ok(typeof manifest.peerDependencies === 'object' && manifest.peerDependencies !== null)
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }))
      assert.ok(page.includes(`\`${name}\``), name)
  })

  it('say of every example what to type, and where', () => {
    const page = read('docs/works.md')
    for (const { name, on, hosts } of EXAMPLES) {
      assert.ok(page.includes(`](../examples/${name}.ts)`), name)
      const source = read(`examples/${name}.ts`)
      for (const { on: node, work, type } of hosts) {
        const line = `// ${node}: pathmesh works host dist/examples/${name}.js --as ${work} --export ${type}\n`
        assert.ok(source.includes(line), line)
      }
      if (hosts.length > 0) assert.ok(source.includes(`// ${on}: node dist/examples/${name}.js\n`), name)
      for (const { work } of hosts) assert.match(page, new RegExp(`--as ${work}\\b`), `${name} ${work}`)
    }
  })

  it('tell the limits of Works', () => {
    const page = read('docs/works.md')
    const KiB = 1024
    for (const text of [
      `| ${CALL_ARGS_BYTES_MAX / KiB} KiB each |`,
      `| ${WORK_STATE_BYTES_MAX / KiB} KiB each |`,
      `| ${CALL_RESULT_BYTES_MAX / KiB} KiB |`,
      `| ${CALLS_QUEUED_MAX} |`,
      `| ${WORKS_HOSTED_MAX} |`,
      `${CALLS_KEPT_MAX.toLocaleString('en')} of each caller and ${CALLS_KEPT_ALL_MAX.toLocaleString('en')} of all, each for ${CALL_KEPT_MS === 24 * 3_600_000 ? 'a day' : '?'}`,
      `the last ${CALL_LOG_LINES_MAX.toLocaleString('en')}, of ${LOG_LINE_CHARS_MAX} characters each`,
      `| ${WORK_READY_MS / 1000} s |`,
      `\`lostMs\` (${WORK_LOST_MS / 1000} s`,
      `within ${HOST_BACK_MS / 1000} s`,
      `has ${CANCEL_MS / 1000} s to end by itself`,
      `${LAST_WORDS_MS / 1000} s later by force`
    ])
      assert.ok(page.includes(text), text)
  })

  it('have a table of errors that is up to date: npm run docs', () => {
    const page = execFileSync(process.execPath, [join(ROOT, 'scripts/errors-page.js')], { encoding: 'utf8' })
    assert.equal(read('docs/errors.md'), page)
  })

  it('link to what is there', () => {
    for (const page of [
      'README.md',
      'CHANGELOG.md',
      'docs/api.md',
      'docs/decisions.md',
      'docs/protocol.md',
      'docs/errors.md',
      'docs/python.md',
      'docs/works.md'
    ]) {
      for (const [, target = ''] of read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        assert.ok(existsSync(join(ROOT, dirname(page), target)), `${page}: ${target}`)
      }
    }
  })
})
