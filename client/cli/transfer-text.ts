// How far a transfer is, as words: for lists, and for those that follow it.

import type { EndedTransfer, Transfer, TransferProvider } from '../../proto/node-api.ts'
import { formatBytes, formatSeconds } from './units.ts'

export function transferName({ name, root }: Pick<Transfer, 'name' | 'root'>): string {
  return name ?? root
}

/** `transferring, 1.0 MiB of 2.0 MiB, 512.0 KiB/s, 2.0s left, from gpu-1 (lane); why it waits`. */
export function transferText(transfer: Transfer): string {
  const { state, bytesPerSecond, why } = transfer
  const parts = [state, doneText(transfer)]
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`)
  const left = leftText(transfer)
  if (left !== null) parts.push(`${left} left`)
  const senders = transfer.providers.filter(isSender)
  if (senders.length > 0) parts.push(`from ${senders.map(senderText).join(', ')}`)
  return `${parts.join(', ')}${why === null ? '' : `; ${why}`}`
}

export function doneText({ bytesDone, bytesTotal }: Pick<Transfer, 'bytesDone' | 'bytesTotal'>): string {
  return bytesTotal === null ? formatBytes(bytesDone) : `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`
}

export function leftText({ etaSeconds }: Pick<Transfer, 'etaSeconds'>): string | null {
  return etaSeconds === null ? null : formatSeconds(etaSeconds)
}

/** What became of one that is gone. */
export function endText(ended: EndedTransfer): string {
  if (ended.error === null) return `done, ${formatBytes(ended.bytesTotal ?? ended.bytesDone)}`
  const { code, message } = ended.error
  if (code === 'ABORTED') return `cancelled after ${doneText(ended)}`
  return `failed after ${doneText(ended)}: ${message} [${code}]`
}

/** Who sends, or has sent. */
export function isSender({ bytes, state }: Pick<TransferProvider, 'bytes' | 'state'>): boolean {
  return bytes > 0 || state === 'sending'
}

function senderText({ name, peerId, via }: TransferProvider): string {
  return `${name ?? peerId} (${via})`
}
