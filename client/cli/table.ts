// Rows of text in aligned columns, and lists of facts. For people only.

import { escapeLine } from './escape.ts'

/** Columns padded to their widest cell, two spaces between; columns named in `right` are aligned to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = []
): string {
  const all = [head, ...rows.map(row => row.map(escapeLine))]
  const widths = head.map((_, column) => all.reduce((widest, row) => Math.max(widest, (row[column] ?? '').length), 0))
  return all
    .map(row => {
      const cells = widths.map((width, column) => {
        const cell = row[column] ?? ''
        return right.includes(head[column] ?? '') ? cell.padStart(width) : cell.padEnd(width)
      })
      return `${cells.join('  ').trimEnd()}\n`
    })
    .join('')
}

/** `key: value` lines, the values aligned. */
export function factList(facts: readonly (readonly [string, string])[]): string {
  const width = facts.reduce((widest, [key]) => Math.max(widest, key.length), 0) + 2
  return facts.map(([key, value]) => `${`${key}:`.padEnd(width)}${escapeLine(value)}\n`).join('')
}
