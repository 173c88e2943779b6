// `npm run examples`: runs the examples, or those that are named, on three real nodes of this machine, as one would type them on
// three machines. Exit status 0 when each ended well and printed what it should. Leaves nothing behind.

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Child } from './child.ts'
import { removeTree } from './demo-content.ts'
import { DemoNode } from './demo-node.ts'
import { seconds, step } from './demo-screen.ts'
import { EXAMPLES, NODES, type Example, type NodeName } from './example-list.ts'

const PATHMESH = join(import.meta.dirname, '../bin.js')
const EXAMPLE_MS = 60_000
const CONNECTED_MS = 20_000
const LOOK_MS = 50

const names = process.argv.slice(2)
const unknown = names.filter(name => !EXAMPLES.some(example => example.name === name))
if (unknown.length > 0) {
  console.error(`no example is called ${unknown.join(', ')}: there are ${EXAMPLES.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

// It would lead everybody here to the daemon of the user.
delete process.env.PATHMESH_SOCKET

const interrupted = new AbortController()
const { signal } = interrupted
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => interrupted.abort(new Error(`stopped by ${name}`)))

const folder = await mkdtemp(join(tmpdir(), 'pathmesh-examples-'))
const nodes = new Map<NodeName, DemoNode>()
const children = new Set<Child>()
const failed: string[] = []
// However this ends, its children do.
process.once('exit', () => {
  for (const child of children) child.kill()
})
try {
  await startNodes()
  for (const example of EXAMPLES.filter(({ name }) => names.length === 0 || names.includes(name))) await run(example)
} catch (error) {
  if (!signal.aborted) console.error(error instanceof Error ? error.message : error)
  failed.push(signal.aborted ? 'stopped' : 'the nodes')
} finally {
  await Promise.allSettled([...children].map(async child => await child.stop()))
  await Promise.allSettled([...nodes.values()].map(async node => await node.stop()))
  await removeTree(folder)
}
if (failed.length > 0) {
  console.error(`\nfailed: ${failed.join(', ')}`)
  process.exitCode = 1
}

/** One mesh; resolves once each node is connected to all the others. */
async function startNodes(): Promise<void> {
  const [first, ...others] = NODES
  const start = async (name: NodeName, invite?: string): Promise<DemoNode> => {
    const node = await DemoNode.start(name, join(folder, name), invite === undefined ? { signal } : { signal, invite })
    nodes.set(name, node)
    return node
  }
  const { invite } = await (await start(first)).mesh.invite({ signal })
  await Promise.all(others.map(async name => await start(name, invite)))
  const until = AbortSignal.any([signal, AbortSignal.timeout(CONNECTED_MS)])
  await Promise.all([...nodes.values()].map(async node => await connectedToAll(node, until)))
}

async function connectedToAll({ mesh }: DemoNode, until: AbortSignal): Promise<void> {
  while (true) {
    let connected = 0
    for await (const peer of mesh.peers({ signal: until })) if (peer.connected) connected++
    if (connected === NODES.length - 1) return
    await pause(LOOK_MS, undefined, { signal: until })
  }
}

async function run(example: Example): Promise<void> {
  step(example.name)
  const begun = performance.now()
  const hosts = example.hosts.map(({ on, work, type }) =>
    started([PATHMESH, 'works', 'host', fileOf(example), '--as', work, '--export', type, '--json'], on)
  )
  try {
    await Promise.all(hosts.map(async host => await host.printed(/"event":"hosting"/)))
    signal.throwIfAborted()
    const what = await faultOf(example)
    if (what === undefined) console.log(`${example.name}: ok, ${seconds(performance.now() - begun)}`)
    else throw new Error(what)
  } catch (error) {
    signal.throwIfAborted()
    console.error(`${example.name}: FAILED: ${error instanceof Error ? error.message : String(error)}`)
    failed.push(example.name)
  } finally {
    await Promise.all(hosts.map(async host => await ended(host)))
  }
}

/** Runs it, and says what is wrong with how it ended or with what it printed. */
async function faultOf(example: Example): Promise<string | undefined> {
  const off: Record<string, string> = example.off === undefined ? {} : { PATHMESH_EXAMPLE_OFF: dataOf(example.off) }
  const args = (example.args ?? []).map(dataOf)
  const child = started([fileOf(example), ...args], example.on, { env: off, onLine: line => console.log(`  ${line}`) })
  const stop = (): void => void ended(child)
  signal.addEventListener('abort', stop, { once: true })
  const late = setTimeout(stop, EXAMPLE_MS)
  const status = await child.ended
  clearTimeout(late)
  signal.removeEventListener('abort', stop)
  children.delete(child)
  if (status !== 0) return `exit status ${status}`
  const text = child.lines.join('\n')
  const missing = example.prints.find(pattern => !pattern.test(text))
  return missing === undefined ? undefined : `it did not print ${missing}`
}

function started(args: readonly string[], on: NodeName, { env = {}, onLine }: StartedOptions = {}): Child {
  const own = { PATHMESH_DATA: dataOf(on), ...env }
  const child = new Child(args, onLine === undefined ? { env: own } : { env: own, onLine })
  children.add(child)
  return child
}

interface StartedOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly onLine?: (line: string) => void
}

async function ended(child: Child): Promise<void> {
  await child.stop()
  children.delete(child)
}

function fileOf({ name }: Example): string {
  return join(import.meta.dirname, `${name}.js`)
}

function dataOf(name: NodeName): string {
  return join(folder, name)
}
