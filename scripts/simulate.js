// Runs seeds of the catalogue's simulation, as it was built, on all cores: `npm run simulate -- --seeds 1000 [--from 1]`, or one of
// them with all that happens in it: `npm run simulate -- --seed 17 [--trace]`. Prints each seed that breaks a promise, and fails then.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { simulate } from '../dist/test/sim/simulate.js'

const print = line => process.stdout.write(`${line}\n`)
const again = seed => `npm run simulate -- --seed ${seed} --trace`

if (isMainThread) {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false }
    }
  })
  if (values.seed === undefined) await runMany(Number(values.from), Number(values.seeds))
  else await runOne(values.seed, values.trace)
} else {
  const { from, to, step } = workerData
  for (let seed = from; seed < to; seed += step) {
    const broken = error => ({ seed, error: `${error.name}: ${error.message}` })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a thread has no origin
    parentPort.postMessage(await simulate(String(seed)).catch(broken))
  }
}

async function runOne(seed, isTraced) {
  print(`seed ${seed}`)
  const line = (now, ...what) => print([now.toFixed(1), ...what].join(' '))
  const log = (now, node, event, facts) =>
    line(now, node, event, JSON.stringify({ ...facts, error: facts.error?.message }))
  print(JSON.stringify(await simulate(seed, isTraced ? { log, onTrace: (now, what) => line(now, what) } : {})))
}

async function runMany(from, seeds) {
  const step = Math.min(availableParallelism(), seeds)
  const started = performance.now()
  const outcomes = []
  let broken = 0
  const take = outcome => {
    if (outcome.error === undefined) return outcomes.push(outcome)
    broken++
    return print(`seed ${outcome.seed}: ${outcome.error}; again: ${again(outcome.seed)}`)
  }
  const ends = Array.from({ length: step }, (_, i) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { from: from + i, to: from + seeds, step } })
    worker.on('message', take)
    return new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve))
  })
  await Promise.all(ends)
  const healed = outcomes.map(({ healedMs }) => healedMs).sort((a, b) => a - b)
  const sum = of => outcomes.reduce((all, outcome) => all + outcome[of], 0)
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  print(`seeds ${from} to ${from + seeds - 1}: ${outcomes.length} well, ${broken} broken, in ${seconds} s`)
  print(`${sum('acknowledged')} acknowledged, ${sum('messages')} messages, ${sum('events')} events`)
  const at = part => healed[Math.min(healed.length - 1, Math.floor(part * healed.length))]
  print(`the same everywhere after ${at(0.5)} ms (median), ${at(0.99)} ms (99 of 100), ${at(1)} ms (last)`)
  if (broken > 0) process.exitCode = 1
}
