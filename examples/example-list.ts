// The examples that main.js runs: which node each is typed on, what is hosted for it where, and what it must print.

/** Names of the nodes; the first made the mesh. */
export const NODES = ['node-1', 'node-2', 'node-3'] as const
export type NodeName = (typeof NODES)[number]

export interface Example {
  readonly name: string
  readonly on: NodeName
  readonly hosts: readonly { readonly on: NodeName; readonly work: string; readonly type: string }[]
  /** Each is found in its output. */
  readonly prints: readonly RegExp[]
  /** Nodes whose data folders are its arguments. */
  readonly args?: readonly NodeName[]
  /** The node that it switches off; it is told its data folder. */
  readonly off?: NodeName
}

const ROWS = String.raw`\[\{"col1":1,"col2":3\},\{"col1":2,"col2":4\}\]`

/** In an order in which all of them can run: one that switches a node off is the last. */
export const EXAMPLES: readonly Example[] = [
  {
    name: 'boring-file',
    on: 'node-1',
    hosts: [{ on: 'node-2', work: 'reader', type: 'Reader' }],
    prints: [
      /^\[writer\] wrote .*boring_file\.txt$/m,
      /^\[reader\] read .*boring_file\.txt which says: nothing to see/m
    ]
  },
  {
    name: 'checkpoints',
    on: 'node-1',
    hosts: [{ on: 'node-2', work: 'training', type: 'Train' }],
    prints: [
      /^\[deployment\] loaded epoch-1\.safetensors with weights 1 0\.5 0\.25$/m,
      /^\[deployment\] loaded epoch-2\.safetensors with weights 2 1 0\.5$/m
    ]
  },
  {
    name: 'dataframe',
    on: 'node-1',
    hosts: [{ on: 'node-2', work: 'destination', type: 'Destination' }],
    prints: [
      new RegExp(String.raw`^\[source\] src ${ROWS}$`, 'm'),
      new RegExp(String.raw`^\[destination\] dst ${ROWS}$`, 'm')
    ]
  },
  {
    name: 'fan-out',
    on: 'node-1',
    hosts: [
      { on: 'node-2', work: 'two', type: 'Checksum' },
      { on: 'node-3', work: 'three', type: 'Checksum' }
    ],
    prints: [/^\[one\] checksum \w{64}$/m, /^\[two\] checksum/m, /^\[three\] checksum/m, /^three nodes, one checksum$/m]
  },
  {
    name: 'script',
    on: 'node-1',
    hosts: [],
    prints: [/^file: hello from here$/m, /^object: \{ primes: \[ 2, 3, 5, 7 \]/m],
    args: ['node-1', 'node-2']
  },
  {
    name: 'train-and-deploy',
    on: 'node-3',
    hosts: [
      { on: 'node-1', work: 'train', type: 'Train' },
      { on: 'node-2', work: 'deploy', type: 'Deploy' }
    ],
    prints: [
      /^\[keep\] keeps epoch-\d+\.safetensors, the best of 6$/m,
      /^node-1 is switched off$/m,
      /^\[deploy\] accuracy 0\.9\d+ with epoch-\d+\.safetensors of pathmesh:\/\/train@\w+\/good\/\?version=\w+$/m
    ],
    off: 'node-1'
  }
]
