// A real daemon is killed with SIGKILL in the middle of what it was asked, again and again, and an oracle outside of it keeps
// what was acknowledged. PATHMESH_KILLS says how often, PATHMESH_SEED repeats a run (its timing apart).

import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { after, before, describe, it } from 'mocha'
import { Seeded } from '../helpers/seeded.ts'
import { temporaryFolder } from '../helpers/trees.ts'
import { type Attempt, Attempts } from './attempts.ts'
import { isCutOff, Oracle } from './oracle.ts'
import { snapshotOfBytes } from './snapshot.ts'
import { Victim } from './victim.ts'

const KILLS = Number(process.env['PATHMESH_KILLS'] ?? 16)
const SEED = process.env['PATHMESH_SEED'] ?? String(Date.now())
/** Milliseconds that a start is taken to last until one was measured. */
const START_MS = 700

describe('a daemon that is killed at any moment', function () {
  this.timeout(60_000 + KILLS * 10_000)
  const random = new Seeded(SEED)
  const oracle = new Oracle('victim/')
  const tally = { kills: 0, acknowledged: 0, whileStarting: 0, kinds: new Map<string, number>() }
  /** How long each kind of attempt took when nothing disturbed it. */
  const lasted = new Map<string, number>()
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let victim: Victim
  let provider: Victim
  let attempts: Attempts
  let startMs = START_MS

  before(async () => {
    process.stdout.write(`    seed ${SEED}, ${KILLS} kills\n`)
    folder = await temporaryFolder()
    await mkdir(join(folder.path, 'scratch'))
    provider = new Victim('provider', join(folder.path, 'provider'))
    await provider.start()
    victim = new Victim('victim', join(folder.path, 'victim'))
    await victim.start((await provider.mesh.invite()).invite)
    attempts = new Attempts({ oracle, random, folder: folder.path, provider: provider.mesh })
  })

  after(async () => {
    await victim.end()
    await provider.end()
    await folder.remove()
  })

  it('does what it is asked while it lives', async () => {
    for (const make of attempts.makers) {
      const attempt = await make()
      const started = performance.now()
      await attempt.run(victim.mesh)
      lasted.set(attempt.kind, performance.now() - started)
    }
    await oracle.checkNames(victim.mesh)
  })

  it('keeps what it acknowledged, tears nothing, and starts again by itself', async () => {
    while (tally.kills < KILLS) {
      const attempt = await attempts.next()
      const acknowledged = await killDuring(attempt)
      try {
        await startAgain()
        await oracle.checkNames(victim.mesh, acknowledged ? undefined : attempt.change)
        await attempt.settle?.(victim.mesh)
        await checkSome(attempt)
      } catch (error) {
        throw new Error(
          `kill ${tally.kills}, ${attempt.kind}, ${acknowledged ? '' : 'not '}acknowledged (seed ${SEED})`,
          {
            cause: error
          }
        )
      }
    }
    await checkAll()
    assert.deepEqual(victim.faults(), [])
    assert.ok(tally.acknowledged > 0 && tally.acknowledged < tally.kills, 'the kills came all too early or too late')
    const kinds = [...tally.kinds].map(([kind, count]) => `${kind} ${count}`).sort()
    process.stdout.write(
      `    ${tally.kills} kills (${tally.whileStarting} while starting), ${tally.acknowledged} acknowledged: ${kinds.join(', ')}\n`
    )
  })

  /** Kills the victim at a random moment of the attempt, at its end at the latest; whether it was acknowledged. */
  async function killDuring(attempt: Attempt): Promise<boolean> {
    const expected = lasted.get(attempt.kind) ?? Math.max(...lasted.values())
    const started = performance.now()
    let killed = false
    const running = attempt.run(victim.mesh).then(
      () => {
        lasted.set(attempt.kind, performance.now() - started)
        return true
      },
      (error: unknown) => {
        if (!killed || !isCutOff(error)) throw error
        // So that about as many come too late as too early.
        lasted.set(attempt.kind, expected * 1.3)
        return false
      }
    )
    await Promise.race([pause(1.2 * random.next() * expected), running])
    killed = true
    await victim.kill()
    const acknowledged = await running
    tally.kills++
    if (acknowledged) tally.acknowledged++
    tally.kinds.set(attempt.kind, (tally.kinds.get(attempt.kind) ?? 0) + 1)
    return acknowledged
  }

  /** Sometimes it is killed while it recovers, too. */
  async function startAgain(): Promise<void> {
    while (random.chance(0.15)) {
      await victim.startAndKill(random.next() * startMs)
      tally.kills++
      tally.whileStarting++
    }
    const started = performance.now()
    await victim.start()
    startMs = performance.now() - started
  }

  async function checkSome({ change }: Attempt): Promise<void> {
    const scratch = join(folder.path, 'scratch')
    if (change !== undefined) await oracle.checkContent(victim.mesh, change.name, scratch)
    if (random.chance(0.3)) {
      const other = random.pick([...oracle.names.keys()])
      await oracle.checkContent(random.chance(0.5) ? provider.mesh : victim.mesh, other, scratch)
    }
    await oracle.checkStored([random.pick([...oracle.stored.keys()])])
    await oracle.checkDestinations([random.pick([...oracle.destinations.keys()])])
    await oracle.checkStoreFolder(victim.mesh, victim.data)
  }

  async function checkAll(): Promise<void> {
    const scratch = join(folder.path, 'scratch')
    await oracle.checkNames(victim.mesh)
    await oracle.checkNames(provider.mesh)
    for (const name of oracle.names.keys()) {
      await oracle.checkContent(victim.mesh, name, scratch)
      await oracle.checkContent(provider.mesh, name, scratch)
    }
    await oracle.checkStored()
    await oracle.checkDestinations()
    await oracle.checkStoreFolder(victim.mesh, victim.data)
  }
})

describe('the oracle of the kill test', () => {
  it('notices a torn destination, one that is missing, and a file beside it', async () => {
    const folder = await temporaryFolder()
    try {
      const [to, bytes] = [join(folder.path, 'here'), Buffer.from('what was acknowledged')]
      const oracle = new Oracle('victim/')
      oracle.destinations.set(to, snapshotOfBytes(bytes))
      await assert.rejects(oracle.checkDestinations(), /is not what was acknowledged/)
      await writeFile(to, bytes.subarray(1))
      await assert.rejects(oracle.settleDestination(to, snapshotOfBytes(Buffer.from('new'))), /is torn/)
      await writeFile(to, bytes)
      await oracle.checkDestinations()
      await writeFile(join(folder.path, '.here.new'), '')
      await assert.rejects(oracle.checkDestinations(), /temporary files/)
    } finally {
      await folder.remove()
    }
  })
})
