// What a run of chaos is judged by: copies that differ are told apart, errors that cannot be true are found, and so is what is left open.

import assert from 'node:assert/strict'
import { appendFile, chmod, cp, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import type { ErrorCode } from '../../proto/errors.ts'
import { must } from '../helpers/daemons.ts'
import { difference, makeFile, makeTree } from './content.ts'
import { untrue, type Witness } from './fetching.ts'
import { SETTLED_MS } from './limits.ts'
import { leaksOf } from './resting.ts'

describe('chaos', () => {
  let folder: string | undefined
  const at = (...path: string[]): string => join(must(folder), ...path)

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pm-'))
    await makeFile(at('file'), 9 * 1024 * 1024 + 1, 'seed')
    await makeTree(at('tree'), 120, 'seed')
  })

  after(() => rm(must(folder), { recursive: true }))

  it('finds no difference between a source and its copy', async () => {
    await cp(at('file'), at('file-copy'))
    await cp(at('tree'), at('tree-copy'), { recursive: true })
    assert.equal(await difference(at('file'), at('file-copy')), undefined)
    assert.equal(await difference(at('tree'), at('tree-copy')), undefined)
  })

  it('makes the same content of a seed, and other content of another', async () => {
    await makeTree(at('again'), 120, 'seed')
    assert.equal(await difference(at('tree'), at('again')), undefined)
    await makeTree(at('other'), 120, 'other seed')
    assert.notEqual(await difference(at('tree'), at('other')), undefined)
  })

  it('finds one byte, a length, a missing file and an executable bit', async () => {
    await cp(at('file'), at('changed'))
    const handle = await open(at('changed'), 'r+')
    await handle.write(Buffer.from([1, 2, 3]), 0, 3, 5 * 1024 * 1024)
    await handle.close()
    assert.match((await difference(at('file'), at('changed'))) ?? '', /other bytes after 4194304$/)
    await cp(at('file'), at('longer'))
    await appendFile(at('longer'), 'x')
    assert.match((await difference(at('file'), at('longer'))) ?? '', /9437186 bytes instead of 9437185$/)
    await cp(at('tree'), at('mode'), { recursive: true })
    await chmod(at('mode', 'd0', 'e0', 'f1'), 0o711)
    assert.match((await difference(at('tree'), at('mode'))) ?? '', /f1 has another executable bit$/)
    await rm(at('mode', 'd0', 'e0', 'f1'))
    assert.match((await difference(at('tree'), at('mode'))) ?? '', /e0 has other entries$/)
  })

  it('believes that nobody had the bytes only where nobody had them all the time', () => {
    const started = 10 * SETTLED_MS
    const witness = (name: string, faultAt: number): Witness => ({ name, isUndisturbedSince: time => faultAt < time })
    const [calm, shaken] = [witness('calm', 0), witness('shaken', started + 1)]
    const judged = (code: ErrorCode, node: Witness, holders: readonly (readonly [Witness, number])[]) =>
      untrue({ code }, node, { holders: new Map(holders) }, started)
    const node = witness('node', 0)
    assert.match(judged('NO_PROVIDERS', node, [[calm, 0]]) ?? '', /^calm had it/)
    assert.equal(judged('NO_PROVIDERS', node, [[shaken, 0]]), undefined)
    assert.equal(judged('TIMEOUT', node, [[calm, started + 1]]), undefined)
    assert.equal(judged('NO_PROVIDERS', witness('just back', started - 1), [[calm, 0]]), undefined)
    assert.equal(judged('DAEMON_UNREACHABLE', shaken, [[calm, 0]]), undefined)
    assert.notEqual(judged('DAEMON_UNREACHABLE', node, []), undefined)
    assert.notEqual(judged('CORRUPT', shaken, []), undefined)
    assert.notEqual(judged('INTERNAL', node, []), undefined)
  })

  it('finds what a daemon holds beyond what it held after its start', () => {
    const rested = { sockets: 8, files: 0, others: 20, memoryBytes: 100 * 2 ** 20, peakBytes: 200 * 2 ** 20 }
    const leaks = (more: Partial<typeof rested>) => leaksOf({ name: 'node' }, rested, { ...rested, ...more })
    assert.deepEqual(leaks({}), [])
    assert.match(leaks({ sockets: 17 }).join(), /17 sockets/)
    assert.match(leaks({ files: 1 }).join(), /1 files of content/)
    assert.match(leaks({ others: 85 }).join(), /85 other descriptors/)
    assert.match(leaks({ memoryBytes: 257 * 2 ** 20 }).join(), /257 MiB resident/)
  })
})
