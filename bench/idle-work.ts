// A Work that does nothing, for the bench of calls.

import { Work } from '../client/index.ts'

export class Idle extends Work {
  async run(value: number): Promise<number> {
    return value
  }
}
