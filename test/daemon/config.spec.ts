// Settings: flags before the environment before the file before defaults; what is not known is refused by name.

import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { defaultNodeName, readConfig } from '../../daemon/config.ts'
import { NODE_NAME_BYTES_MAX } from '../../proto/limits.ts'
import { failsWith, temporaryFolder } from '../helpers/trees.ts'

describe('readConfig()', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>

  beforeEach(async () => {
    folder = await temporaryFolder()
  })

  afterEach(() => folder.remove())

  const read = (flags: object = {}, env: Record<string, string> = {}) =>
    readConfig({ data: folder.path, ...flags }, env, '/')
  const write = (text: string) => writeFile(join(folder.path, 'config.json'), text)

  it('takes flags before the environment before the file', async () => {
    const flags = { name: 'flag', listen: ['/flag'], mdns: false }
    const env = { PATHMESH_NAME: 'env', PATHMESH_LISTEN: '/env,/env2', PATHMESH_MDNS: '1' }
    await write(JSON.stringify({ name: 'file', listen: ['/file'], mdns: false, log: 'error' }))
    const shown = ({ name, listen, mdns, log }: Awaited<ReturnType<typeof read>>) => [name, listen, mdns, log]
    assert.deepEqual(shown(await read(flags, env)), ['flag', ['/flag'], false, 'error'])
    assert.deepEqual(shown(await read({}, env)), ['env', ['/env', '/env2'], true, 'error'])
    assert.deepEqual(shown(await read()), ['file', ['/file'], false, 'error'])
    assert.equal((await read({ verbose: true })).log, 'debug')
  })

  it('has defaults without a file: every interface, announced, and no name but that of the machine', async () => {
    const { data, socket, name, listen, mdns, log } = await read()
    assert.deepEqual(
      [data, socket, listen, mdns, log],
      [folder.path, join(folder.path, 'admin.sock'), undefined, true, 'info']
    )
    assert.equal(name, undefined)
    assert.ok(defaultNodeName().length > 0)
  })

  for (const [what, text] of [
    ['is no JSON', '{'],
    ['is no object', '[]'],
    ['has a setting that is not known', '{"lisen":["/ip4/0.0.0.0/tcp/1"]}'],
    ['has a value of another kind', '{"mdns":"yes"}'],
    ['listens nowhere', '{"listen":[]}'],
    ['has an empty name', '{"name":""}']
  ] as const) {
    it(`refuses a file that ${what}, naming it`, async () => {
      await write(text)
      await assert.rejects(read(), failsWith('INVALID_ARGUMENT', /config\.json/))
    })
  }

  for (const name of ['a/b', 'a@b', 'a\nb', '.', '..', 'x'.repeat(NODE_NAME_BYTES_MAX + 1)]) {
    it(`refuses the name ${JSON.stringify(name.slice(0, 10))}`, async () => {
      await assert.rejects(read({ name }), failsWith('INVALID_ARGUMENT', /--name/))
    })
  }

  it('takes a name at the limit, and brings it to one form', async () => {
    assert.equal((await read({ name: 'x'.repeat(NODE_NAME_BYTES_MAX) })).name?.length, NODE_NAME_BYTES_MAX)
    assert.equal((await read({ name: 'Zu\u0308rich' })).name, 'Z\u00fcrich')
  })

  it('refuses a file that cannot be read', async () => {
    await mkdir(join(folder.path, 'config.json'))
    await assert.rejects(read(), failsWith('IO'))
  })
})
