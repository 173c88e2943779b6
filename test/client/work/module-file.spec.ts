// Finding the Work of a module, and what is said where there is none.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { loadClass, moduleHash, moduleUrl } from '../../../client/work/module-file.ts'
import { DOER } from './fixtures/hosting-daemon.ts'

const WORK = new URL('../../../client/work/work.js', import.meta.url).href

describe('the Work of a module', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pathmesh-'))
  })

  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  async function module(code: string): Promise<string> {
    const path = join(folder, 'module.mjs')
    await writeFile(path, `import { Work } from ${JSON.stringify(WORK)}\n${code}`)
    return moduleUrl(path)
  }

  it('is the export of its name, the default one, or the only one, under whatever names', async () => {
    assert.equal((await loadClass(DOER, { name: 'Doer' })).name, 'Doer')
    const one = await module('class One extends Work {}\nexport { One, One as Other }; export const two = 2')
    assert.equal((await loadClass(one, {})).name, 'One')
    const several = await module('export class One extends Work {}\nexport default class Two extends Work {}')
    assert.equal((await loadClass(`${several}?again`, {})).name, 'Two')
  })

  it('is not guessed: the error lists what there is', async () => {
    await assert.rejects(loadClass(DOER, {}), {
      code: 'INVALID_ARGUMENT',
      message:
        /exports several Works, Broken, Doer: say which, by --export NAME, or by name where mesh\.host\(\) is called$/
    })
    await assert.rejects(loadClass(DOER, { name: 'DEEDS' }), {
      code: 'INVALID_ARGUMENT',
      message: /name one of Broken, Doer$/
    })
  })

  it('is the class of a name before the export of that name, where a class is asked for', async () => {
    const swapped = await module(
      'class A extends Work {}\nclass B extends Work {}\nclass C extends Work {}\nexport { A as B, B as A, C as D }'
    )
    const named = async (which: object): Promise<string> => (await loadClass(swapped, which)).name
    assert.deepEqual([await named({ className: 'A' }), await named({ className: 'B' })], ['A', 'B'])
    assert.deepEqual([await named({ name: 'A' }), await named({ name: 'B' })], ['B', 'A'])
    assert.deepEqual([await named({ className: 'D' }), await named({ name: 'C' })], ['C', 'C'])
    await assert.rejects(named({ className: 'E' }), {
      code: 'INVALID_ARGUMENT',
      message: /does not export the class E, .*: export it\. Its Works are A, B, D$/
    })
  })

  it('may be of another installation: the error says so', async () => {
    const other = new URL('./fixtures/no-work.js', import.meta.url).href
    await assert.rejects(loadClass(other, {}), {
      code: 'INVALID_ARGUMENT',
      message: /this installation of pathmesh/
    })
    await assert.rejects(loadClass(await module(''), {}), { message: /export a class that extends Work/ })
  })

  it('is not had of a module that fails: the error has its message and stack', async () => {
    await assert.rejects(loadClass(await module('throw new RangeError("at once")'), {}), error => {
      assert.match(String(error), /module\.mjs cannot be loaded: RangeError: at once/)
      return error instanceof Error && 'code' in error && error.code === 'INVALID_ARGUMENT'
    })
  })

  it('has the hash of its file; NOT_FOUND where there is none', async () => {
    const empty = join(folder, 'empty.mjs')
    await writeFile(empty, '')
    assert.equal(await moduleHash(moduleUrl(empty)), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    await assert.rejects(moduleHash(moduleUrl(join(folder, 'none.mjs'))), { code: 'NOT_FOUND' })
  })
})
