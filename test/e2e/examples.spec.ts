// The examples, run as `npm run examples` does: on three real nodes, with real hosts, each to its end.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { after, before, describe, it } from 'mocha'
import { EXAMPLES } from '../../examples/example-list.ts'

const MAIN = fileURLToPath(new URL('../../examples/main.js', import.meta.url))

describe('the examples', function () {
  this.timeout(120_000)
  let end = (): boolean => false
  let output = ''
  let status: number | null = null

  before(async () => {
    const child = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'pipe', 'pipe'] })
    end = () => child.kill()
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    await once(child, 'close')
    status = child.exitCode
  })
  after(() => end())

  for (const { name } of EXAMPLES)
    it(`${name} ends well, and prints what it should`, () => {
      assert.match(output, new RegExp(String.raw`^${name}: ok\b`, 'm'), output)
    })

  it('say so by their exit status', () => assert.equal(status, 0, output))
})
