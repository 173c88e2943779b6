// What a watched folder does, on the command's output: versions and retirements are data, all else is talk.

import type { FolderEvent } from '../share-watch.ts'
import { escapeLine } from './escape.ts'
import type { Output } from './output.ts'
import { formatBytes } from './units.ts'

export async function sayFolderEvent(output: Output, event: FolderEvent): Promise<void> {
  if (event.event === 'progress') return output.progress(event, true)
  if (output.json) return await output.value('error' in event ? { ...event, error: event.error.toProblem() } : event)
  switch (event.event) {
    case 'watching':
      return output.talk(`watching ${event.path}; Ctrl-C ends it`)
    case 'published':
      if (event.unchanged) return output.talk(`unchanged: ${event.url}, version ${event.seq}`)
      return await output.data(`${escapeLine(`${event.url}  version ${event.seq}  ${formatBytes(event.size)}`)}\n`)
    case 'retired':
      return await output.data(`${escapeLine(`${event.url}  retired`)}\n`)
    case 'failed':
      return output.talk(`not published: ${event.path}: ${event.error.message} [${event.error.code}]`)
    case 'paused':
      return output.talk(`paused: ${event.error.message} [${event.error.code}]`)
    case 'resumed':
      return output.talk(`resumed: ${event.path}`)
  }
}
