// What a name stands for, in words.

import type { Name } from '../../proto/api.ts'

/** `file`, `directory`, or `payload (arrow)`. */
export function kindText({ kind, codec }: Pick<Name, 'codec'> & { readonly kind: string }): string {
  return codec === null ? kind : `payload (${codec})`
}
