// The named tensors of a reference, read in ranges from wherever they lie. Keeps nothing but their header.

import type { Ref } from '../proto/ref.ts'
import type { CallOptions, Calls } from './calls.ts'
import { TensorFile } from './codecs/tensor-file.ts'
import { byNameOrContent } from './fetched.ts'
import { fixed } from './version.ts'

/** Fixed at the version that the reference means now. CORRUPT where it is not safetensors. */
export async function openTensors(calls: Calls, named: Ref, options: CallOptions): Promise<TensorFile> {
  const { size, ref } = await byNameOrContent(named, async asked => {
    const stat = await calls.stat(asked, options)
    return { size: stat.size, ref: fixed(asked, stat.root, stat.origin) }
  })
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    const pieces: Uint8Array[] = []
    if (start === end) return Buffer.concat(pieces)
    for await (const piece of calls.content(ref, { ...options, start, end: end - 1 })) pieces.push(piece)
    return Buffer.concat(pieces)
  }
  return await TensorFile.open({ size, read })
}
