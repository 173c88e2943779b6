// The module of a class: found without being told, as it was when it was first looked at.

import assert from 'node:assert/strict'
import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Calls } from '../../../client/calls.ts'
import { Transport } from '../../../client/transport.ts'
import { hostWork } from '../../../client/work/host.ts'
import { classOrigin } from '../../../client/work/class-origin.ts'
import { Work } from '../../../client/work/work.ts'
import { moduleHash } from '../../../client/work/module-file.ts'
import { temporaryFolder } from '../fake-daemon.ts'

describe('the module of a class', () => {
  let folder: string
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(async () => await rm(folder, { recursive: true, force: true }))

  async function made(name: string): Promise<{ work: Work; file: string }> {
    const file = join(folder, name)
    const base = new URL('../../../client/index.js', import.meta.url).href
    await writeFile(file, `import { Work } from '${base}'\nexport class Made extends Work { async run() {} }\n`)
    const { href } = pathToFileURL(file)
    const loaded: { readonly Made: new () => Work } = await import(href)
    return { work: new loaded.Made(), file: href }
  }

  it('is found, of classes of one name too', async () => {
    const [one, other] = [await made('one.mjs'), await made('other.mjs')]
    for (const { work, file } of [one, other]) {
      const { module, hash, className, idempotent } = await classOrigin(work)
      assert.deepEqual([module, className, idempotent, hash], [file, 'Made', false, await moduleHash(file)])
    }
  })

  it('is what it was when it was first looked at, whoever edits the file', async () => {
    const { work } = await made('edited.mjs')
    const { hash } = await classOrigin(work)
    await appendFile(join(folder, 'edited.mjs'), '// edited\n')
    assert.equal((await classOrigin(work)).hash, hash)
  })

  it('is not hosted where the file is another than the one that was loaded', async () => {
    const { file } = await made('changed.mjs')
    const home = { calls: new Calls(new Transport(join(folder, 'nobody'))) }
    const hosting = hostWork(home, { module: file, as: 'made', hosted: false, hash: '0'.repeat(64) })
    await assert.rejects(hosting, { code: 'INCOMPATIBLE', message: /changed\.mjs is another file .* start it again/ })
  })

  it('is what the class says, where it says so; a class without a name has none', async () => {
    const { file } = await made('said.mjs')
    class Says extends Work {
      static override readonly module = file
      async run(): Promise<void> {}
    }
    assert.equal((await classOrigin(new Says())).module, file)
    const nameless = new (class extends Work {
      async run(): Promise<void> {}
    })()
    await assert.rejects(classOrigin(nameless), /give its class a name/)
  })
})
