// A table that goes from one Work to another as a Payload: the Flow passes it on, and never has the rows.
// node-2: pathmesh works host dist/examples/dataframe.js --as destination --export Destination
// node-1: node dist/examples/dataframe.js

import { tableFromArrays, type Table } from 'apache-arrow'
import { App, Flow, Payload, Work } from '../client/index.ts'

export class Source extends Work {
  df: Payload<Table> | undefined

  async run(): Promise<void> {
    const table: Table = tableFromArrays({ col1: Int32Array.of(1, 2), col2: Int32Array.of(3, 4) })
    this.df = new Payload(table)
    console.log('src', rows(table))
  }
}

export class Destination extends Work {
  /** The bytes are here when this begins; they are decoded when the value is asked for. */
  async run(df?: Payload<Table>): Promise<void> {
    if (!df) throw new Error('no table')
    console.log('dst', rows(df.value))
  }
}

const rows = (table: Table): string => JSON.stringify(table.toArray())

class Root extends Flow {
  source = new Source()
  destination = new Destination({ on: 'node-2' })

  async run(): Promise<void> {
    await this.source.run()
    await this.destination.run(this.source.df)
  }
}

await new App(new Root()).run()
