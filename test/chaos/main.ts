// `npm run chaos -- [--minutes 10] [--nodes 6] [--seed N]`: real daemons fetch a large file and a tree, again and again, while their
// providers are frozen, killed and started again. Each fetch must be whole or fail in time and truly; at the end everybody must get
// everything, and nothing may be left. Its decisions follow from the seed; its timing does not.

import { mkdir, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Scene } from '../helpers/daemons.ts'
import { Seeded } from '../helpers/seeded.ts'
import { until } from '../helpers/until.ts'
import { ChaosNode } from './chaos-node.ts'
import { makeFile, makeTree } from './content.ts'
import { befall, type FaultCounts } from './faults.ts'
import { dropAndJudge, fetchAndJudge, type Source } from './fetching.ts'
import { LOOK_MS, REST_MS } from './limits.ts'
import { type Holding, holdingOf, leaksOf, leftoversOf } from './resting.ts'
import { Summary } from './summary.ts'

const MiB = 2 ** 20
const NODES_MIN = 2
const NODES_MAX = 8

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    nodes: { type: 'string', default: '6' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'file-mib': { type: 'string', default: '4096' },
    'tree-files': { type: 'string', default: '20000' },
    'at-once': { type: 'string', default: '3' },
    'stall-seconds': { type: 'string', default: '20' },
    'calm-seconds': { type: 'string', default: '8' },
    'fault-seconds': { type: 'string', default: '25' },
    json: { type: 'boolean', default: false }
  }
})
const number = (name: Exclude<keyof typeof values, 'json' | 'seed'>): number => {
  const value = Number(values[name])
  if (!(value > 0)) throw new RangeError(`--${name} must be a number above 0, and is ${values[name]}`)
  return value
}
const { seed } = values
const began = performance.now()
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const talk = (line: string): void =>
  void process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} ${line}\n`)
const stallMs = 1000 * number('stall-seconds')
const summary = new Summary()
const interrupted = new AbortController()

process.exitCode = await main()

async function main(): Promise<number> {
  const scene = await Scene.open()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= scene.close())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted.abort()
      void close().finally(() => process.exit(130))
    })
  }
  try {
    return await run(scene)
  } finally {
    await close()
  }
}

async function run(scene: Scene): Promise<number> {
  print(`seed ${seed}`)
  const nodes = await startNodes(scene)
  const [origin, ...others] = nodes
  if (origin === undefined) throw new RangeError('no nodes')
  const sources = await shareSources(scene, origin)
  const before = await holdings(nodes)
  const faults = await chaos(nodes, others, sources)
  talk('the faults are over')
  await everybodyFetches(others, sources)
  const held = await rest(nodes, before)
  const seconds = (performance.now() - began) / 1000
  print(values.json ? summary.json(seed, seconds, faults, held) : summary.text(seed, seconds, faults, held))
  if (!summary.isWell) await keepLogs(nodes)
  return summary.isWell ? 0 : 1
}

async function startNodes(scene: Scene): Promise<ChaosNode[]> {
  const count = number('nodes')
  if (!Number.isInteger(count) || count < NODES_MIN || count > NODES_MAX)
    throw new RangeError(`--nodes must be ${NODES_MIN} to ${NODES_MAX}`)
  const { bavail, bsize } = await statfs(scene.folder)
  const needed = 1.2 * (count + 1) * number('file-mib') * MiB
  if (bavail * bsize < needed)
    throw new Error(`${scene.folder} has no room for ${Math.ceil(needed / MiB)} MiB: set TMPDIR, or --file-mib`)
  // Any port for lanes: there are several daemons, and there may be others.
  process.env['PATHMESH_LANE_PORT'] = '0'
  const names = Array.from({ length: count - 1 }, (_, i) => `node-${i + 1}`)
  const daemons = await scene.mesh('origin', ...names)
  const nodes = daemons.map((daemon, i) => new ChaosNode(['origin', ...names][i] ?? '', scene, daemon))
  await Promise.all(nodes.map(node => connectedTo(node, count - 1)))
  talk(`${count} nodes are connected`)
  return nodes
}

async function connectedTo(node: ChaosNode, count: number): Promise<void> {
  await using mesh = await node.connect()
  const connected = async (): Promise<boolean> => {
    let found = 0
    for await (const peer of mesh.peers()) if (peer.connected) found++
    return found >= count
  }
  await until(`${node.name} is connected to all others`, connected, REST_MS)
}

async function shareSources(scene: Scene, origin: ChaosNode): Promise<Source[]> {
  const [file, tree] = [scene.at('file.bin'), scene.at('tree')]
  const [fileBytes, files] = [number('file-mib') * MiB, number('tree-files')]
  await makeFile(file, fileBytes, `${seed} file`)
  const treeBytes = await makeTree(tree, files, `${seed} tree`)
  talk(
    `there are a file of ${fileBytes / MiB} MiB, and a tree of ${files} files and ${Math.round(treeBytes / MiB)} MiB`
  )
  await using mesh = await origin.connect()
  const holders = (): Map<ChaosNode, number> => new Map([[origin, -Infinity]])
  await mesh.share(file, { as: 'chaos/file' })
  await mesh.share(tree, { as: 'chaos/tree' })
  return [
    { kind: 'file', path: file, name: 'chaos/file', size: fileBytes, holders: holders() },
    { kind: 'tree', path: tree, name: 'chaos/tree', size: treeBytes, holders: holders() }
  ]
}

/** Faults and fetches, for as long as was asked; resolves when both have come to an end. */
async function chaos(nodes: readonly ChaosNode[], fetchers: readonly ChaosNode[], sources: readonly Source[]) {
  // A timer of its own: signals made of AbortSignal.timeout() may be collected before they fire.
  const ending = new AbortController()
  const end = (): void => ending.abort()
  const timer = setTimeout(end, 60_000 * number('minutes'))
  interrupted.signal.addEventListener('abort', end, { once: true })
  const over = ending.signal
  const options = { calmMs: 1000 * number('calm-seconds'), lastMs: 1000 * number('fault-seconds'), talk }
  const befallen = befall(nodes, new Seeded(`${seed} faults`), options, over)
  const busy = new Set<ChaosNode>()
  const fetching = Array.from({ length: Math.min(number('at-once'), fetchers.length) }, async (_, i) => {
    const chance = new Seeded(`${seed} fetches ${i}`)
    while (!over.aborted) {
      const node = chance.pick(fetchers.filter(fetcher => !busy.has(fetcher)))
      busy.add(node)
      await fetchOnce(node, chance.pick(sources), chance)
      busy.delete(node)
    }
  })
  const [faults] = await Promise.all([befallen, ...fetching])
  clearTimeout(timer)
  return faults satisfies FaultCounts
}

async function fetchOnce(node: ChaosNode, source: Source, chance: Seeded): Promise<void> {
  const cancel = chance.chance(0.1) ? { cancelMs: chance.between(0, 20_000) } : {}
  const drops = chance.chance(0.7)
  const outcome = await fetchAndJudge(node, source, { stallMs, ...cancel })
  // Daemons that are ended with the run break no promise.
  if (interrupted.signal.aborted) return
  summary.count(source, outcome)
  if (outcome.broken !== undefined) summary.broken(`${node.name}, ${source.kind}: ${outcome.broken}`)
  talk(
    `${node.name} ended its fetch of the ${source.kind} after ${outcome.seconds.toFixed(1)} s: ${outcome.broken ?? outcome.as}`
  )
  const failed = drops ? await dropAndJudge(node, source) : undefined
  if (failed !== undefined) summary.broken(`${node.name}, ${source.kind}: ${failed}`)
  // A dead node answers at once, and would be asked again and again.
  await pause(LOOK_MS)
  await until('the node is up', () => node.isUp, REST_MS)
}

/** Whatever happened before: now each gets everything, and can let go of it. */
async function everybodyFetches(others: readonly ChaosNode[], sources: readonly Source[]): Promise<void> {
  for (const node of others) {
    await connectedTo(node, others.length)
    for (const source of sources) {
      const outcome = await fetchAndJudge(node, source, { stallMs })
      if (!outcome.as.startsWith('whole'))
        summary.broken(`${node.name} did not get the ${source.kind} in the end: ${outcome.broken ?? outcome.as}`)
      talk(`${node.name} has the ${source.kind}, ${outcome.bytesFetched} bytes came in ${outcome.seconds.toFixed(1)} s`)
    }
  }
  for (const node of others) {
    for (const source of sources) {
      const failed = await dropAndJudge(node, source)
      if (failed !== undefined) summary.broken(`${node.name}, ${source.kind}: ${failed}`)
    }
  }
}

async function holdings(nodes: readonly ChaosNode[]): Promise<Map<string, Holding>> {
  const all = new Map<string, Holding>()
  for (const node of nodes) {
    const holding = await holdingOf(node)
    if (holding !== undefined) all.set(node.name, holding)
  }
  return all
}

/** Waits until nobody holds more than before, and says who still does at the end. */
async function rest(nodes: readonly ChaosNode[], before: ReadonlyMap<string, Holding>): Promise<Map<string, Holding>> {
  const leaks = async (): Promise<string[]> => {
    const now = await holdings(nodes)
    const found = nodes.map(async node => {
      const [was, is] = [before.get(node.name), now.get(node.name)]
      return [...(was === undefined || is === undefined ? [] : leaksOf(node, was, is)), ...(await leftoversOf(node))]
    })
    return (await Promise.all(found)).flat()
  }
  const rested = await until('the nodes rest', async () => (await leaks()).length === 0, REST_MS).catch(() => false)
  if (!rested) summary.broken(...(await leaks()))
  return await holdings(nodes)
}

async function keepLogs(nodes: readonly ChaosNode[]): Promise<void> {
  const folder = join(tmpdir(), `pathmesh-chaos-${seed}`)
  await mkdir(folder, { recursive: true })
  for (const node of nodes) await writeFile(join(folder, `${node.name}.log`), node.log)
  print(`the logs of the nodes are in ${folder}`)
}
