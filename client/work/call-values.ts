// Calling a Work with values of a program: Paths and Payloads in them go out as references that are fixed, and come back as Paths
// and Payloads of the mesh.

import { checkWork } from '../../proto/ref.ts'
import type { Calls } from '../calls.ts'
import { callWork, type CallWorkOptions } from './call.ts'
import { fixedArguments } from './references.ts'
import { fromJson } from './state.ts'

export interface MeshCallOptions extends CallWorkOptions {
  /** PeerId or name of the node that hosts it; by default this one, or the one where the work lives. */
  readonly on?: string | undefined
}

/** What the calls of a mesh go through. */
export interface CallHome {
  readonly calls: Calls
  readonly reviver: (key: string, value: unknown) => unknown
}

/** As `mesh.call()`. */
export async function callValues(
  { calls, reviver }: CallHome,
  work: string,
  args: readonly unknown[],
  { on, ...options }: MeshCallOptions
): Promise<unknown> {
  checkWork(work)
  const { signal } = options
  const json = await fixedArguments(args, calls, work, { signal })
  return fromJson(await callWork(calls, { work, node: on, args: json }, options), reviver)
}
