// What the demonstration prints: steps, facts and one moving line. Plain text unless somebody watches on a terminal.

const live = process.stdout.isTTY
const style = (code: number) => (text: string) => (live ? `\u001b[${code}m${text}\u001b[0m` : text)
const bold = style(1)
const dim = style(2)

export function step(text: string): void {
  console.log(`\n${bold(text)}`)
}

export function fact(name: string, value: string): void {
  console.log(`  ${dim(name.padEnd(12))} ${value}`)
}

/** A line that is written over by the next one; on a terminal only. */
export function moving(text: string): void {
  if (live) process.stdout.write(`\r  ${text}\u001b[K`)
}

/** Wipes the moving line away. */
export function still(): void {
  if (live) process.stdout.write('\r\u001b[K')
}

export function bar(done: number, total: number): string {
  const width = 28
  const filled = total === 0 ? width : Math.floor((done / total) * width)
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${size(done)} of ${size(total)}`
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

export function seconds(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`
}

export function rate(bytes: number, ms: number): string {
  return `${size((bytes / Math.max(1, ms)) * 1000)}/s`
}
