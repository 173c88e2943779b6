// What one node says of its own names, over tables in memory that a test can fail, copy and open again.

import type { NewVersion } from '../../daemon/catalogue/own-publications.ts'
import { OwnRecords, type OwnRecordsComponents } from '../../daemon/catalogue/own-records.ts'
import type { Signed } from '../../daemon/catalogue/record.ts'
import { Records } from '../../daemon/catalogue/records.ts'
import { MemoryTables, type MemoryWrite } from './memory-tables.ts'
import { MESH, signer } from './signed-records.ts'
import { collect } from './trees.ts'

export interface Said {
  readonly seq: number
  readonly number: number
  readonly unchanged: boolean
  readonly retired: readonly string[]
  /** Roots, as text. */
  readonly released: readonly string[]
}

export class OwnNode {
  readonly tables: MemoryTables
  readonly records: Records<MemoryWrite>
  readonly own: OwnRecords<MemoryWrite>

  private constructor(tables: MemoryTables, peerId: string, more: Partial<OwnRecordsComponents<MemoryWrite>>) {
    this.tables = tables
    this.records = new Records(tables)
    this.own = new OwnRecords({
      records: this.records,
      signer: signer(peerId),
      mesh: MESH,
      clock: { now: () => 1_700_000_000_000 },
      nodeName: () => undefined,
      mayNumber: async () => undefined,
      ...more
    })
  }

  static async open(
    tables = new MemoryTables(),
    peerId = 'alice',
    more: Partial<OwnRecordsComponents<MemoryWrite>> = {}
  ): Promise<OwnNode> {
    const node = new OwnNode(tables, peerId, more)
    await node.records.open()
    await node.own.open()
    return node
  }

  async publish(version: NewVersion): Promise<Said> {
    const { record, unchanged, retired, released } = await this.own.publish(version)
    return {
      seq: record.seq,
      number: record.number,
      unchanged,
      retired: retired.map(({ name }) => name),
      released: released.map(String)
    }
  }

  /** Roots that are released, as text. */
  async retire(name: string): Promise<string[]> {
    let roots: string[] = []
    await this.own.retire(name, async ({ released }) => {
      roots = released.map(String)
      return { writes: [] }
    })
    return roots
  }

  /** Everything that it says at the moment, by number. */
  async all(): Promise<Signed[]> {
    const signed = await collect(this.records.list(''))
    return signed.toSorted((a, b) => a.record.number - b.record.number)
  }
}
