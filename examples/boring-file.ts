// A file that one Work writes and another one reads, on another node.
// node-2: pathmesh works host dist/examples/boring-file.js --as reader --export Reader
// node-1: node dist/examples/boring-file.js

import { App, Flow, Path, Work } from '../client/index.ts'

export class Writer extends Work {
  file = new Path('boring_file.txt')

  async run(): Promise<void> {
    await this.file.writeFile('nothing to see here\n')
    console.log('wrote', await this.file.local)
  }
}

export class Reader extends Work {
  /** The file was fetched before this begins. */
  async run(file: Path): Promise<void> {
    const { path } = await file.get()
    console.log('read', path, 'which says:', (await file.readFile('utf8')).trim())
  }
}

class Root extends Flow {
  writer = new Writer()
  reader = new Reader({ on: 'node-2' })

  async run(): Promise<void> {
    await this.writer.run()
    await this.reader.run(this.writer.file)
  }
}

await new App(new Root()).run()
