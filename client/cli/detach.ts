// Starts the daemon in a process of its own, and waits for its first line. What it says on stderr goes to daemon.log; when it
// fails to start, its error is this command's.

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { hasCode, isErrorCode, PathmeshError } from '../../proto/errors.ts'
import { SEMI_SPACE_MIB, START_MS } from '../../proto/limits.ts'
import type { Ready, UpFlags } from '../../proto/up.ts'
import { connectTo } from '../mesh.ts'
import { parseJson, parseLines } from '../ndjson.ts'
import { flag, jsonRecord, list, literal, object, optional, text, type Read } from '../shape.ts'
import type { Context } from './context.ts'

const LOG = 'daemon.log'
const LOG_SHOWN_LINES = 20
const LOG_READ_BYTES = 64 * 1024
const POLL_MS = 50

const readyLine: Read<Ready> = object({
  event: literal('ready'),
  peerId: text,
  name: text,
  meshId: text,
  created: flag,
  addresses: list(text),
  socket: text
})

export interface Detached {
  readonly ready: Ready
  /** Whether it ran before. */
  readonly already: boolean
}

/**
 * Starts a daemon unless one answers. With an invite it is always tried, so that the daemon can refuse another mesh's; one
 * that runs already says IN_USE, and is then found.
 */
export async function detach(context: Context, flags: UpFlags): Promise<Detached> {
  const signal = context.signal()
  const running = flags.join === undefined ? await runningDaemon(context, signal) : undefined
  if (running !== undefined) return { ready: running, already: true }
  try {
    return { ready: await start(context, flags, signal), already: false }
  } catch (error) {
    const found = isOther(error) ? await awaitDaemon(context, signal) : undefined
    if (found === undefined) throw error
    return { ready: found, already: true }
  }
}

async function start(context: Context, flags: UpFlags, signal: AbortSignal): Promise<Ready> {
  const { data } = context.locations()
  await mkdir(data, { recursive: true, mode: 0o700 })
  const log = await open(join(data, LOG), 'a+', 0o600)
  try {
    const { size: begin } = await log.stat()
    const [program, ...first] = context.io.self
    const child = spawn(program, [`--max-semi-space-size=${SEMI_SPACE_MIB}`, ...first, ...childArguments(flags)], {
      cwd: data,
      detached: true,
      // What glibc keeps of freed memory grows with its arenas; two are enough for the threads that allocate much.
      env: { MALLOC_ARENA_MAX: '2', ...context.io.env },
      stdio: ['pipe', 'pipe', log.fd]
    })
    return await firstLine(child, flags.join ?? '', signal, async () => await failureOf(log, begin))
  } finally {
    await log.close()
  }
}

// The invite goes through stdin: arguments can be read by everybody on the machine.
function childArguments(flags: UpFlags): string[] {
  const { data, socket, listen = [], join, name, mdns, uploadLimit, downloadLimit, lanePort, lanes, verbose } = flags
  return [
    'up',
    '--json',
    ...(data === undefined ? [] : [`--data=${data}`]),
    ...(socket === undefined ? [] : [`--socket=${socket}`]),
    ...listen.map(address => `--listen=${address}`),
    ...(join === undefined ? [] : ['--join=-']),
    ...(name === undefined ? [] : [`--name=${name}`]),
    ...(mdns === false ? ['--no-mdns'] : []),
    ...(uploadLimit === undefined ? [] : [`--upload-limit=${uploadLimit}`]),
    ...(downloadLimit === undefined ? [] : [`--download-limit=${downloadLimit}`]),
    ...(lanePort === undefined ? [] : [`--lane-port=${lanePort}`]),
    ...(lanes === false ? ['--no-lanes'] : []),
    ...(verbose === true ? ['--verbose'] : [])
  ]
}

async function firstLine(
  child: ChildProcess,
  stdin: string,
  signal: AbortSignal,
  failure: () => Promise<PathmeshError>
): Promise<Ready> {
  const { stdout } = child
  if (stdout === null || child.stdin === null) throw new TypeError('the daemon was started without pipes')
  const late = AbortSignal.timeout(START_MS)
  const stop = () => child.kill('SIGKILL')
  const either = AbortSignal.any([signal, late])
  either.addEventListener('abort', stop, { once: true })
  try {
    const failed = new Promise<never>((_, reject) => child.once('error', reject))
    child.stdin.on('error', () => stdout.resume()).end(stdin)
    const line = await Promise.race([parseLines(stdout).next(), failed])
    if (line.done === true) throw await failure()
    return readyLine(line.value, 'the ready line')
  } catch (error) {
    signal.throwIfAborted()
    if (late.aborted)
      throw new PathmeshError('TIMEOUT', `the daemon was not ready after ${START_MS} ms, and was stopped`, {
        cause: error
      })
    throw error
  } finally {
    either.removeEventListener('abort', stop)
    stdout.destroy()
    child.unref()
  }
}

async function failureOf(log: FileHandle, begin: number): Promise<PathmeshError> {
  const { size } = await log.stat()
  const from = Math.max(begin, size - LOG_READ_BYTES)
  const { buffer, bytesRead } = await log.read(Buffer.alloc(Math.max(0, size - from)), 0, size - from, from)
  const lines = buffer.subarray(0, bytesRead).toString().trimEnd().split('\n')
  for (const line of lines.toReversed()) {
    const error = errorLine(line)
    if (error !== undefined) return error
  }
  return new PathmeshError(
    'INTERNAL',
    `the daemon did not start. It said last:\n${lines.slice(-LOG_SHOWN_LINES).join('\n')}`
  )
}

/** The error in `{"error":{"code","message",…}}`. */
function errorLine(line: string): PathmeshError | undefined {
  if (!line.startsWith('{"error":')) return undefined
  const { error } = object({ error: object({ code: text, message: text, details: optional(jsonRecord) }) })(
    parseJson(line),
    'the error'
  )
  const { code, message, details } = error
  return isErrorCode(code) ? new PathmeshError(code, message, details === undefined ? {} : { details }) : undefined
}

/** Whether another daemon has the folder, or its socket; a port that is taken may be anybody's. */
function isOther(error: unknown): boolean {
  if (!hasCode(error, 'IN_USE') || error.details === undefined) return false
  return 'data' in error.details || 'socket' in error.details
}

async function awaitDaemon(context: Context, signal: AbortSignal): Promise<Ready | undefined> {
  const deadline = performance.now() + START_MS
  while (performance.now() < deadline) {
    const ready = await runningDaemon(context, signal)
    if (ready !== undefined) return ready
    await wait(POLL_MS, undefined, { signal })
  }
  return undefined
}

async function runningDaemon(context: Context, signal: AbortSignal): Promise<Ready | undefined> {
  try {
    const mesh = await connectTo(context.locations(), { named: false, signal })
    try {
      const { peerId, name, meshId, addresses } = await mesh.status({ signal })
      return { event: 'ready', peerId, name, meshId, created: false, addresses, socket: mesh.socket }
    } finally {
      await mesh.close()
    }
  } catch (error) {
    if (hasCode(error, 'DAEMON_UNREACHABLE')) return undefined
    throw error
  }
}
