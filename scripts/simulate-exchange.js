// Runs seeds of the exchange's simulation, as it was built: `npm run simulate:exchange -- --seeds 1000 [--from 1]`, or one of them:
// `npm run simulate:exchange -- --seed 17`. Prints each seed that breaks a promise, and fails then.
import { parseArgs } from 'node:util'
import { simulateExchange } from '../dist/test/sim/exchange/simulate.js'

const print = line => process.stdout.write(`${line}\n`)
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' }
  }
})
if (values.seed === undefined) await runMany(Number(values.from), Number(values.seeds))
else print(JSON.stringify(await simulateExchange(values.seed)))

async function runMany(from, seeds) {
  const started = performance.now()
  let [fetched, failed, broken] = [0, 0, 0]
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const outcome = await simulateExchange(String(seed))
      fetched += outcome.fetched
      failed += outcome.failed
    } catch (error) {
      broken++
      print(`seed ${seed}: ${error.name}: ${error.message}; again: npm run simulate:exchange -- --seed ${seed}`)
    }
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  print(`seeds ${from} to ${from + seeds - 1}: ${seeds - broken} well, ${broken} broken, in ${seconds} s`)
  print(`${fetched} fetches got all of it, ${failed} failed as they may`)
  if (broken > 0) process.exitCode = 1
}
