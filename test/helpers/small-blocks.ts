// All small blocks that a reader gives, in the order asked.

import type { CID } from 'multiformats/cid'
import type { ContentReader } from '../../daemon/store/content-reader.ts'

export async function smallBlocks(reader: ContentReader, cids: readonly CID[]): Promise<(Uint8Array | undefined)[]> {
  const blocks: (Uint8Array | undefined)[] = []
  for await (const some of reader.small(cids)) blocks.push(...some.map(({ bytes }) => bytes))
  return blocks
}
