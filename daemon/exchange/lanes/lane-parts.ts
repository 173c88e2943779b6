// What lanes of one thread share.

import type { Clock } from '../../clock.ts'
import type { Blocks } from './blocks.ts'
import type { AnswerTo, FromThread, LaneFacts, Question, ThreadWaits } from './messages.ts'
import type { TargetFiles } from './target-files.ts'

export interface LaneParts {
  readonly facts: LaneFacts
  readonly clock: Clock
  readonly waits: ThreadWaits
  /** Blocks of LANE_BLOCK_BYTES. */
  readonly blocks: Blocks
  readonly files: TargetFiles
  readonly post: (message: FromThread, transfer?: readonly ArrayBuffer[]) => void
  /** Asks the main thread. */
  readonly ask: <Type extends Question['type']>(
    question: Extract<Question, { readonly type: Type }>
  ) => Promise<AnswerTo<Type>>
}
