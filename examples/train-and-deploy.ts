// A model trained on one node, kept by a second, deployed on a third after the first was switched off.
// node-1: pathmesh works host dist/examples/train-and-deploy.js --as train --export Train
// node-2: pathmesh works host dist/examples/train-and-deploy.js --as deploy --export Deploy
// node-3: node dist/examples/train-and-deploy.js

import { tableFromArrays, type Table } from 'apache-arrow'
import { App, decode, encode, Flow, Path, Payload, Work } from '../client/index.ts'
import { penguins, SPECIES } from './penguins.ts'
import { accuracyOf, type Model, trainEpoch, untrained } from './softmax.ts'
import { switchedOff } from './switched-off.ts'

const EPOCHS = 60
const EPOCHS_A_CHECKPOINT = 10
const RATE = 0.2

/** A version of the checkpoints, the newest file in it, and how many of the test set that gets right. */
interface Checkpoint {
  readonly checkpoints: Path
  readonly file: string
  readonly accuracy: number
}

export class Train extends Work {
  checkpoints = new Path('checkpoints/')
  metrics: Payload<Table> | undefined

  /** The best of all. */
  async run(): Promise<Checkpoint> {
    const { train, test } = penguins()
    const model = untrained(train, SPECIES.length)
    const rows: { epoch: number; loss: number; accuracy: number }[] = []
    let best: Checkpoint | undefined
    for (let epoch = 1; epoch <= EPOCHS; epoch++) {
      const loss = trainEpoch(model, train, RATE)
      if (epoch % EPOCHS_A_CHECKPOINT !== 0) continue
      const accuracy = accuracyOf(model, test)
      const file = `epoch-${epoch}.safetensors`
      await this.checkpoints.join(file).writeFile(encode(model, 'safetensors'))
      // Which of them is the best shows at the end: until then all are kept.
      const version = await this.checkpoints.publish({ keep: 10 })
      console.log(`epoch ${epoch}: loss ${loss.toFixed(3)}, accuracy ${accuracy.toFixed(3)}`)
      rows.push({ epoch, loss, accuracy })
      if (best === undefined || accuracy > best.accuracy)
        best = { checkpoints: this.checkpoints.at(version), file, accuracy }
    }
    const column = (key: 'epoch' | 'loss' | 'accuracy'): Float64Array => Float64Array.from(rows, row => row[key])
    const table: Table = tableFromArrays({ epoch: column('epoch'), loss: column('loss'), accuracy: column('accuracy') })
    this.metrics = new Payload(table)
    if (best === undefined) throw new Error('nothing was trained')
    return best
  }
}

export class Keep extends Work {
  /** What it is called with was fetched: from now on there is a copy on this node. */
  async run({ file }: Checkpoint, metrics?: Payload<Table>): Promise<void> {
    if (!metrics) throw new Error('no metrics')
    console.log(`keeps ${file}, the best of ${metrics.value.numRows}`)
  }
}

export class Deploy extends Work {
  async run(checkpoints: Path, file: string): Promise<number> {
    const model = await decode<Model>(await checkpoints.join(file).readFile(), 'safetensors')
    const accuracy = accuracyOf(model, penguins().test)
    console.log(`accuracy ${accuracy.toFixed(3)} with ${file} of ${checkpoints.toString()}`)
    return accuracy
  }
}

class Root extends Flow {
  train = new Train({ on: 'node-1' })
  keep = new Keep()
  deploy = new Deploy({ on: 'node-2' })

  async run(): Promise<void> {
    const best = await this.train.run()
    await this.keep.run(best, this.train.metrics)
    const good = await this.mesh.alias('train/good', best.checkpoints)
    await switchedOff(this.mesh, 'node-1')
    const reached = await this.deploy.run(good.path, best.file)
    if (reached < best.accuracy) throw new Error(`accuracy ${reached}, and ${best.accuracy} where it was trained`)
  }
}

await new App(new Root()).run()
