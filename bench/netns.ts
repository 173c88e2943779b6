// A network of its own for each node: namespaces that a bridge joins, and in each a token bucket (tbf) that holds what leaves it to a
// rate. Linux, and root. The bridge lies in a namespace as well, so that nothing is left where all of them are removed.

import type { NodeOptions, Place } from './nodes.ts'
import { findProgram, run } from './run.ts'

const PREFIX = 'pm-bench-'
const INSIDE = 'eth0'
/** What may leave at once: more than the largest packet that the system hands to an interface, and some 10 ms of a rate. */
const BURST_BYTES = 256 * 1024
/** How long a packet may wait to leave, before it is dropped. */
const LATENCY = '50ms'

export interface Network {
  /** Where the daemon of a node runs. */
  elsewhere(index: number): NonNullable<NodeOptions['elsewhere']>
  /** Bytes that have left a node, with all headers. */
  sentBy(index: number): Promise<number>
}

/** `count` namespaces, each with an uplink of `bytesPerSecond`; gone with the place. */
export async function makeNetwork(place: Place, count: number, bytesPerSecond: number): Promise<Network> {
  const ip = await findProgram('ip')
  const tc = await findProgram('tc')
  if (ip === undefined || tc === undefined || process.getuid?.() !== 0)
    throw new Error('--netns needs Linux, root, and ip and tc of iproute2')
  await removeAbandoned(ip)
  const hub = `${PREFIX}${process.pid}-hub`
  const nameOf = (index: number): string => `${PREFIX}${process.pid}-${index}`
  const addressOf = (index: number): string => `10.77.0.${index + 1}`
  const within = (name: string, ...command: readonly string[]) => run(ip, ['netns', 'exec', name, ...command])
  const add = async (name: string): Promise<void> => {
    place.own(async () => void (await run(ip, ['netns', 'del', name])))
    await run(ip, ['netns', 'add', name])
  }
  await add(hub)
  await within(hub, ip, 'link', 'add', 'bridge', 'type', 'bridge')
  await within(hub, ip, 'link', 'set', 'bridge', 'up')
  for (let i = 0; i < count; i++) {
    const name = nameOf(i)
    await add(name)
    await within(hub, ip, 'link', 'add', `port${i}`, 'type', 'veth', 'peer', 'name', INSIDE, 'netns', name)
    await within(hub, ip, 'link', 'set', `port${i}`, 'master', 'bridge', 'up')
    await within(name, ip, 'link', 'set', 'lo', 'up')
    await within(name, ip, 'address', 'add', `${addressOf(i)}/24`, 'dev', INSIDE)
    await within(name, ip, 'link', 'set', INSIDE, 'up')
    const bucket = ['rate', `${8 * bytesPerSecond}bit`, 'burst', String(BURST_BYTES), 'latency', LATENCY]
    await within(name, tc, 'qdisc', 'add', 'dev', INSIDE, 'root', 'tbf', ...bucket)
  }
  return {
    elsewhere: index => ({ prefix: [ip, 'netns', 'exec', nameOf(index)], address: addressOf(index) }),
    sentBy: async index => Number(await within(nameOf(index), 'cat', `/sys/class/net/${INSIDE}/statistics/tx_bytes`))
  }
}

/** Those of a bench that was killed. */
async function removeAbandoned(ip: string): Promise<void> {
  const list = await run(ip, ['netns', 'list'])
  for (const [name, pid] of list.matchAll(new RegExp(`^${PREFIX}(\\d+)-\\w+`, 'gm')))
    if (!isAlive(Number(pid))) await run(ip, ['netns', 'del', name])
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
