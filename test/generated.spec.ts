// The generated codecs are those of the .proto files beside them.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

describe('proto/generated', () => {
  it('is what its sources generate', async function () {
    this.timeout(60_000)
    const folder = await mkdtemp(join(tmpdir(), 'pm-generated-'))
    try {
      await promisify(execFile)(process.execPath, ['scripts/generate.js', folder], { cwd: ROOT })
      const kept = join(ROOT, 'proto', 'generated')
      assert.deepEqual((await readdir(folder)).sort(), (await readdir(kept)).sort())
      for (const name of await readdir(kept)) {
        assert.equal(await readFile(join(folder, name), 'utf8'), await readFile(join(kept, name), 'utf8'), name)
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
