// Catalogues and disks that are broken on purpose, each in one way that a promise forbids. A simulation that does not notice
// them proves nothing.

import type { CatalogueComponents } from '../../daemon/catalogue/catalogue.ts'
import { nameKey } from '../../daemon/catalogue/keys.ts'
import { OwnRecords } from '../../daemon/catalogue/own-records.ts'
import { Reconciler } from '../../daemon/catalogue/reconcile.ts'
import type { ClaimRecord, Signed, VersionRecord } from '../../daemon/catalogue/record.ts'
import { type Raise, Records } from '../../daemon/catalogue/records.ts'
import { catalogueHandlers } from '../../daemon/catalogue/serve.ts'
import type { Write } from './disk.ts'
import type { Brain, Build } from './node.ts'

/** Keeps what came last, not what is newer. */
class ByArrival extends Records<Write> {
  override keep(incoming: readonly Signed[], raise?: Raise): Promise<readonly Signed[]> {
    return this.exclusively(async () => {
      const staged = await this.stage(incoming, raise)
      const anyhow = incoming.map(({ record: { name, origin }, bytes }) =>
        this.tables.newest.put(nameKey(name, origin), bytes)
      )
      await this.tables.commit([...staged.writes, ...anyhow])
      staged.apply()
      return staged.changes
    })
  }
}

/** Takes back what it had lost, and says nothing again that loses against it. */
class WithoutSayingAgain extends OwnRecords<Write> {
  override adopt(incoming: readonly Signed[]): Promise<readonly Signed[]> {
    const [first] = incoming
    const number = incoming.reduce((most, { record }) => Math.max(most, record.number), 0)
    return first === undefined
      ? Promise.resolve([])
      : this.records.keep(incoming, { origin: first.record.origin, number })
  }

  readonly records: Records<Write>

  constructor(parts: ConstructorParameters<typeof OwnRecords<Write>>[0]) {
    super(parts)
    this.records = parts.records
  }
}

interface Kinds {
  readonly Kept?: typeof Records<Write>
  readonly Own?: typeof OwnRecords<Write>
  /** Answers no question of this name with anything. */
  readonly silent?: string
}

/** The parts of a catalogue, put together as the real one does, with a broken one among them. */
function broken(parts: CatalogueComponents<Write>, { Kept = Records, Own = OwnRecords, silent }: Kinds): Brain {
  const records = new Kept(parts.tables)
  const own = new Own({
    ...parts,
    records,
    nodeName: () => undefined,
    mayNumber: () => reconciler.mayNumber()
  })
  const reconciler = new Reconciler({ ...parts, self: parts.signer.peerId, records, own })
  return {
    own,
    open: async () => {
      await records.open()
      await own.open()
    },
    start: () => reconciler.start(),
    stop: () => reconciler.stop(),
    connected: peer => reconciler.connected(peer),
    disconnected: peer => reconciler.disconnected(peer),
    announced: () => reconciler.announced(),
    known: async path => {
      const found: VersionRecord[] = []
      for await (const { record } of records.named(path)) if (record.type === 'version') found.push(record)
      return found
    },
    holder: async work => {
      let holder: ClaimRecord | undefined
      for await (const { record } of records.named(work)) if (record.type === 'claim') holder = record
      return holder
    },
    handlers: () => {
      const handlers = catalogueHandlers({ records, onHeads: (peer, heard) => reconciler.heard(peer, heard) })
      return silent === undefined ? handlers : { ...handlers, [silent]: nothing }
    }
  }
}

async function* nothing(): AsyncGenerator<never> {
  yield* []
}

export const CANARIES: Readonly<Record<string, Build>> = {
  'keeps records by arrival': { brain: parts => broken(parts, { Kept: ByArrival }) },
  'does not say again what it said after a backup was restored': {
    brain: parts => broken(parts, { Own: WithoutSayingAgain })
  },
  'compares no lists': { brain: parts => broken(parts, { silent: 'list' }) },
  'checks no signatures': { verify: async () => true },
  'acknowledges before the disk does': { hasDisksThatLie: true }
}
