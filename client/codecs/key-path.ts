// Where in a value something lies, printed for people: `model.layers[3]."odd key"`. What it prints is bounded, fits on one line
// and goes to terminals as it is, whoever wrote the keys.

/**
 * One step into a value: the name of a property, the place in a list or Set, the value that a Map has under a key, or a key of
 * a Map itself, by its place.
 */
export type KeyStep = string | number | { readonly mapKey: unknown } | { readonly keyAt: number }

/** A longer path is printed by so many of its first and of its last steps. */
const ENDS = 8
const KEY_CHARS = 60
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u
const NOT_PRINTED = /[\p{C}\p{Zl}\p{Zp}]/gu

/** `model.layers[3]."odd key".get(5)`; nothing for the value itself. */
export function formatKeyPath(steps: readonly KeyStep[]): string {
  if (steps.length <= 2 * ENDS) return steps.map(formatStep).join('').replace(/^\./, '')
  return `${formatKeyPath(steps.slice(0, ENDS))} … ${formatKeyPath(steps.slice(-ENDS))}`
}

/** The same within a sentence: `at model.layers[3]`, or `at the top`. */
export function atKey(steps: readonly KeyStep[]): string {
  return steps.length === 0 ? 'at the top' : `at ${formatKeyPath(steps)}`
}

/** A text between quotation marks, cut where it is long. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text.length > KEY_CHARS ? `${text.slice(0, KEY_CHARS)}…` : text))
}

/** A text without what a terminal would take as a command, or show as another text. */
export function printable(text: string): string {
  return text.replace(NOT_PRINTED, found =>
    Array.from({ length: found.length }, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')
  )
}

function formatStep(step: KeyStep): string {
  if (typeof step === 'number') return `[${step}]`
  if (typeof step === 'string') return `.${step.length <= KEY_CHARS && IDENTIFIER.test(step) ? step : quoted(step)}`
  return 'keyAt' in step ? `.keys()[${step.keyAt}]` : `.get(${formatMapKey(step.mapKey)})`
}

function formatMapKey(key: unknown): string {
  if (typeof key === 'string') return quoted(key)
  if (typeof key === 'bigint') return key < 2n ** 64n && key > -(2n ** 64n) ? `${key}n` : 'a bigint'
  return key === null || typeof key !== 'object' ? String(key) : '…'
}
