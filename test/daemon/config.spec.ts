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

  it('takes rates, the lane port and whether there are lanes in the same order', async () => {
    const flags = { uploadLimit: 100_000, downloadLimit: 0, lanePort: 1, lanes: false }
    const env = {
      PATHMESH_UPLOAD_LIMIT: '200kB/s',
      PATHMESH_DOWNLOAD_LIMIT: 'none',
      PATHMESH_LANE_PORT: '2',
      PATHMESH_LANES: '1'
    }
    await write('{"uploadLimit":"300kB/s","downloadLimit":400000,"lanePort":3,"lanes":false}')
    const shown = ({ uploadLimit, downloadLimit, lanePort, lanes }: Awaited<ReturnType<typeof read>>) => [
      uploadLimit,
      downloadLimit,
      lanePort,
      lanes
    ]
    assert.deepEqual(shown(await read(flags, env)), [100_000, 0, 1, false])
    assert.deepEqual(shown(await read({}, env)), [200_000, 0, 2, true])
    assert.deepEqual(shown(await read()), [300_000, 400_000, 3, false])
    await write('{}')
    assert.deepEqual(shown(await read()), [0, 0, undefined, true])
    assert.equal((await read({}, { PATHMESH_LANES: '0' })).lanes, false)
    assert.equal((await read({}, { PATHMESH_LANES: 'true' })).lanes, true)
    for (const variable of ['PATHMESH_LANES', 'PATHMESH_MDNS'])
      await assert.rejects(
        read({}, { [variable]: 'maybe' }),
        failsWith('INVALID_ARGUMENT', new RegExp(`${variable}.*maybe`))
      )
  })

  for (const [name, flags, env, file] of [
    ['--upload-limit', { uploadLimit: 5 }, {}, '{}'],
    ['--download-limit', { downloadLimit: -1 }, {}, '{}'],
    ['--lane-port', { lanePort: 65_536 }, {}, '{}'],
    ['PATHMESH_UPLOAD_LIMIT', {}, { PATHMESH_UPLOAD_LIMIT: 'fast' }, '{}'],
    ['PATHMESH_DOWNLOAD_LIMIT', {}, { PATHMESH_DOWNLOAD_LIMIT: '20Mbit/s' }, '{}'],
    ['PATHMESH_LANE_PORT', {}, { PATHMESH_LANE_PORT: '4748a' }, '{}'],
    ['config.json: uploadLimit', {}, {}, '{"uploadLimit":"20"}'],
    ['config.json: downloadLimit', {}, {}, '{"downloadLimit":1.5}'],
    ['config.json: uploadLimit', {}, {}, '{"uploadLimit":true}'],
    ['config.json: lanePort', {}, {}, '{"lanePort":-1}']
  ] as const) {
    it(`refuses ${name} of another form: ${JSON.stringify({ ...flags, ...env })} ${file}`, async () => {
      await write(file)
      await assert.rejects(read(flags, { ...env }), failsWith('INVALID_ARGUMENT', new RegExp(name)))
    })
  }

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
