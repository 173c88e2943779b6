// Text from elsewhere (names, errors, addresses) made harmless for a terminal: what could move the cursor, recolour, or turn
// the direction of writing is shown as an escape. For people only; JSON has escapes of its own.

// Controls, line and paragraph separators, directional marks and isolates, zero-width characters, tags, halves of a pair.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_C}\p{Cs}\u200b-\u200d\u2060\ufeff\u{e0000}-\u{e007f}]/gu

/** `text` on one line, with nothing in it that a terminal acts on. */
export function escapeLine(text: string): string {
  return text.replace(UNSAFE, character => {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`
  })
}

/** As `escapeLine`, line by line. */
export function escapeText(text: string): string {
  return text.split('\n').map(escapeLine).join('\n')
}
