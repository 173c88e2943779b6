// A node that is switched off in the middle of train-and-deploy: by hand, or where PATHMESH_EXAMPLE_OFF is its data folder (as
// main.js sets it), by this.

import { setTimeout as pause } from 'node:timers/promises'
import { connect, type Mesh } from '../client/index.ts'

const LOOK_MS = 100

/** Resolves once the node is connected no more. */
export async function switchedOff(mesh: Mesh, name: string): Promise<void> {
  const data = process.env.PATHMESH_EXAMPLE_OFF
  if (data === undefined) console.log(`switch ${name} off now: pathmesh down`)
  else {
    await using node = await connect({ data })
    await node.shutdown()
  }
  while (await isConnected(mesh, name)) await pause(LOOK_MS)
  console.log(`${name} is switched off`)
}

async function isConnected(mesh: Mesh, name: string): Promise<boolean> {
  for await (const peer of mesh.peers()) if (peer.name === name) return peer.connected
  return false
}
