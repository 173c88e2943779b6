// A directory of checkpoints, handed on before it exists: who follows it finds what was published last.
// node-2: pathmesh works host dist/examples/checkpoints.js --as training --export Train
// node-1: node dist/examples/checkpoints.js

import { App, decode, encode, Flow, Path, Work } from '../client/index.ts'

interface Checkpoint {
  readonly weights: Float32Array
}

export class Train extends Work {
  /** The slash makes it a directory: it is published as a whole, when run() has ended. */
  checkpoints = new Path('checkpoints/')

  async run(): Promise<void> {
    for (const epoch of [1, 2]) {
      const checkpoint: Checkpoint = { weights: Float32Array.of(epoch, epoch / 2, epoch / 4) }
      await this.checkpoints.join(`epoch-${epoch}.safetensors`).writeFile(encode(checkpoint, 'safetensors'))
      console.log('saved epoch', epoch)
    }
  }
}

export class Deploy extends Work {
  checkpoints: Path | undefined

  /** In its own process a Work is made without arguments, and its attributes are set afterwards. */
  constructor(checkpoints?: Path) {
    super()
    this.checkpoints = checkpoints
  }

  async run(): Promise<void> {
    if (!this.checkpoints) throw new Error('no checkpoints: new Deploy(path)')
    for await (const file of this.checkpoints.list()) {
      const { weights } = await decode<Checkpoint>(await file.readFile(), 'safetensors')
      console.log('loaded', file.basename, 'with weights', weights.join(' '))
    }
  }
}

class Root extends Flow {
  training = new Train({ on: 'node-2' })
  deployment = new Deploy(this.training.checkpoints)

  async run(): Promise<void> {
    await this.training.run()
    await this.deployment.run()
  }
}

await new App(new Root()).run()
