// `npm run demo`: two daemons on this machine, one mesh. A project folder goes from one to the other and is compared byte for
// byte; then the receiver is killed in the middle of a transfer, started again, and goes on. Leaves nothing behind.

import { mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { GetResult, Path } from '../client/index.ts'
import { compareTrees, makeCheckpoint, makeProject, removeTree } from './demo-content.ts'
import { DemoNode } from './demo-node.ts'
import { bar, fact, moving, rate, seconds, size, step, still } from './demo-screen.ts'

const CHECKPOINT_MIB = 256
const KILL_AT = 0.4

const interrupted = new AbortController()
const { signal } = interrupted
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => interrupted.abort(new Error(`stopped by ${name}`)))

const begun = performance.now()
const folder = await mkdtemp(join(tmpdir(), 'pathmesh-demo-'))
const running = new Set<DemoNode>()
const names = new Map<string, string>()
try {
  await demonstrate()
} catch (error) {
  still()
  const why = error instanceof Error ? error.message : String(error)
  console.error(signal.aborted ? '\nstopped; nothing is left behind' : `\nthe demonstration failed: ${why}`)
  process.exitCode = 1
} finally {
  await Promise.allSettled([...running].map(async node => await node.stop()))
  await removeTree(folder)
}

async function demonstrate(): Promise<void> {
  step('Two daemons, one mesh')
  const workshop = await start('workshop')
  const { invite } = await workshop.mesh.invite({ signal })
  const laptop = await start('laptop', invite)
  for await (const peer of laptop.mesh.peers({ signal }))
    fact('peers', `laptop sees ${peer.name ?? peer.peerId}, ${peer.connected ? 'connected' : 'away'}`)

  step('A project folder, shared from where it lies')
  const project = join(folder, 'project')
  await makeProject(project, CHECKPOINT_MIB)
  const shared = await timed(
    async () => await workshop.mesh.share(project, { as: 'demo/project', meta: { epoch: 1 }, signal })
  )
  fact('name', shared.value.path.toString())
  fact('content', `ipfs://${shared.value.cid}`)
  fact(
    'hashed',
    `${size(shared.value.size)} in ${seconds(shared.ms)} (${rate(shared.value.size, shared.ms)}), nothing copied`
  )
  const again = await timed(
    async () => await workshop.mesh.share(project, { as: 'demo/project', meta: { epoch: 1 }, signal })
  )
  fact(
    'once more',
    `${seconds(again.ms)}: ${again.value.unchanged ? 'unchanged, so still' : 'changed, so'} version ${again.value.seq}`
  )

  step('Fetched on the other side')
  const copy = join(folder, 'copy')
  const got = await fetchTo(laptop.mesh.path('demo/project'), copy)
  fact('fetched', fetched(got))
  fact('meta', JSON.stringify(got.got.version.meta))
  const compared = await timed(async () => await compareTrees(project, copy))
  const { files, directories, links, bytes } = compared.value
  fact('compared', `${files} files, ${directories} folders, ${links} link, ${size(bytes)}: equal, byte for byte`)
  const part = await timed(async () => await laptop.mesh.path('demo/project/run.sh').readFile('utf8'))
  fact('a part', `demo/project/run.sh is ${part.value.length} bytes, read in ${seconds(part.ms)}`)

  await resumeAfterKill(workshop, laptop)

  step('The name outlives its maker')
  await stop(workshop)
  const after = [...running][0]
  if (after === undefined) throw new Error('no daemon is left')
  const kept = await after.mesh.path('demo/project/model.ckpt').get({ to: join(folder, 'kept.ckpt'), signal })
  fact('fetched', `${size(kept.version.size)} with workshop gone: ${size(kept.bytesFetched)} over the network`)
  await compareTrees(join(project, 'model.ckpt'), join(folder, 'kept.ckpt'))
  console.log(`\nAll as promised, in ${seconds(performance.now() - begun)}.`)
}

async function resumeAfterKill(workshop: DemoNode, laptop: DemoNode): Promise<void> {
  step('kill -9 in the middle, and on from there')
  const source = join(folder, 'last.ckpt')
  const copy = join(folder, 'copy.ckpt')
  await makeCheckpoint(source, CHECKPOINT_MIB)
  const { size: total } = await stat(source)
  await workshop.mesh.share(source, { as: 'demo/last.ckpt', signal })
  let seen = 0
  const broken = await fetchTo(laptop.mesh.path('demo/last.ckpt'), copy, bytes => {
    if (seen === 0 && bytes >= KILL_AT * total) {
      seen = bytes
      void stop(laptop, 'kill')
    }
  }).catch((error: unknown) => error)
  still()
  if (!(broken instanceof Error)) throw new Error('the transfer was over before it could be killed')
  fact('killed', `the daemon of laptop (${laptop.pid}), with ${size(seen)} of ${size(total)} verified`)
  fact('the call', broken.message)
  const restarted = await start('laptop')
  const rest = await fetchTo(restarted.mesh.path('demo/last.ckpt'), copy)
  fact('resumed', fetched(rest))
  fact('spared', `${size(total - rest.got.bytesFetched)} that had been verified before were not sent again`)
  if (rest.got.bytesFetched >= total) throw new Error('it began anew')
  await compareTrees(source, copy)
  fact('compared', 'equal, byte for byte')
}

async function start(name: string, invite?: string): Promise<DemoNode> {
  const node = await DemoNode.start(name, join(folder, name), invite === undefined ? { signal } : { invite, signal })
  running.add(node)
  names.set(node.mesh.peerId, name)
  fact(name, `ready in ${seconds(node.startedMs)}, ${node.mesh.peerId}`)
  return node
}

async function stop(node: DemoNode, how: 'stop' | 'kill' = 'stop'): Promise<void> {
  running.delete(node)
  await node[how]()
}

interface Fetched {
  readonly got: GetResult
  /** Milliseconds in which bytes came, to a tenth of a second. */
  readonly wireMs: number
}

async function fetchTo(path: Path, to: string, onBytes: (bytes: number) => void = () => undefined): Promise<Fetched> {
  const times: number[] = []
  const got = await path.get({
    to,
    signal,
    onProgress: ({ phase, bytes, total, bytesPerSecond }) => {
      moving(
        `${total === null ? '' : `${bar(bytes, total)}  `}${phase}  ${bytesPerSecond > 0 ? `${size(bytesPerSecond)}/s` : ''}`
      )
      if (phase === 'structure' || phase === 'transferring') times.push(performance.now())
      if (phase === 'transferring') onBytes(bytes)
    }
  })
  still()
  return { got, wireMs: (times.at(-1) ?? 0) - (times[0] ?? 0) }
}

function fetched({ got: { bytesFetched, seconds: took, providers }, wireMs }: Fetched): string {
  const from = providers.map(({ peerId }) => names.get(peerId) ?? peerId).join(', ')
  return `${size(bytesFetched)} from ${from} at ${rate(bytesFetched, wireMs)}; synced, copied and checked after ${seconds(took * 1000)}`
}

async function timed<T>(run: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const begun = performance.now()
  const value = await run()
  return { value, ms: performance.now() - begun }
}
