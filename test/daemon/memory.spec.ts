// What a daemon's garbage may hold: little while it works, none once it rests.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'mocha'
import { collectAtRest, garbageCollector } from '../../daemon/memory.ts'
import { REST_CPU_SHARE, REST_LOOK_MS } from '../../proto/limits.ts'
import { ManualClock } from '../helpers/manual-clock.ts'

const REST_MICROS = REST_CPU_SHARE * REST_LOOK_MS * 1000
const MODULE = new URL(`../../daemon/memory${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)

describe('the memory of a daemon', () => {
  it('is collected at the start, and once after each time of work, and not for the work of collecting', async () => {
    const clock = new ManualClock()
    let [user, system, collected] = [1_000_000, 0, 0]
    const usage = () => ({ user, system })
    const leave = collectAtRest({
      clock,
      usage,
      collect: () => {
        collected++
        user += 10 * REST_MICROS
      }
    })
    await clock.advance(10 * REST_LOOK_MS)
    assert.equal(collected, 1, 'it has started, and rests')
    for (let look = 0; look < 3; look++) {
      user += REST_MICROS / 2
      system += REST_MICROS / 2 + 1
      await clock.advance(REST_LOOK_MS)
    }
    assert.equal(collected, 1, 'it works')
    for (let look = 0; look < 3; look++) {
      user += REST_MICROS
      await clock.advance(REST_LOOK_MS)
    }
    assert.equal(collected, 2, 'it rests again')
    leave()
    assert.equal(clock.pending, 0)
  })

  it('is collected at once by the collector', async () => {
    const collect = garbageCollector()
    const gone = new WeakRef({ of: 'garbage' })
    await new Promise(resolve => setImmediate(resolve))
    collect()
    assert.equal(gone.deref(), undefined)
  })

  it('grows little beyond what is in use', () => {
    const script = `import { getHeapSpaceStatistics } from 'node:v8'
      import { boundHeap, garbageCollector } from ${JSON.stringify(MODULE.href)}
      const collect = garbageCollector()
      const oldMiB = () => getHeapSpaceStatistics().find(space => space.space_name === 'old_space').space_used_size / 2 ** 20
      boundHeap()
      const used = Array.from({ length: 200_000 }, (_, i) => ({ i, list: [i] }))
      let most = 0
      for (let i = 0; i < 4_000_000; i++) {
        if (i === 1_000_000) collect()
        used[i % used.length] = { i, list: [i] }
        if (i > 1_000_000 && i % 50_000 === 0) most = Math.max(most, oldMiB())
      }
      console.log(most)`
    const most = Number(execFileSync(process.execPath, ['--input-type=module', '-e', script]).toString())
    assert.ok(most < 75, `${most} MiB`)
  })
})
