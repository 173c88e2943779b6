// One Payload, read by three Works at the same time, on three nodes.
// node-2: pathmesh works host dist/examples/fan-out.js --as two --export Checksum
// node-3: pathmesh works host dist/examples/fan-out.js --as three --export Checksum
// node-1: node dist/examples/fan-out.js

import { createHash, randomBytes } from 'node:crypto'
import { App, Flow, Payload, Work } from '../client/index.ts'

export class Make extends Work {
  /** What it returns comes back as a reference: the bytes stay where they are. */
  async run(): Promise<Payload<Uint8Array>> {
    return new Payload(new Uint8Array(randomBytes(4 * 1024 * 1024)))
  }
}

export class Checksum extends Work {
  async run(noise: Payload<Uint8Array>): Promise<string> {
    const checksum = createHash('sha256').update(noise.value).digest('hex')
    console.log('checksum', checksum)
    return checksum
  }
}

class Root extends Flow {
  make = new Make()
  one = new Checksum()
  two = new Checksum({ on: 'node-2' })
  three = new Checksum({ on: 'node-3' })

  async run(): Promise<void> {
    const noise = await this.make.run()
    const sums = await Promise.all([this.one, this.two, this.three].map(async work => await work.run(noise)))
    if (new Set(sums).size !== 1) throw new Error(`they differ: ${sums.join(', ')}`)
    console.log('three nodes, one checksum')
  }
}

await new App(new Root()).run()
