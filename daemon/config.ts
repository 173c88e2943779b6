// What a daemon is told: flags, then the environment, then `config.json` in its data folder, then defaults. Refuses what it
// does not know, so that a mistyped setting is not silently ignored.

import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { errno, PathmeshError, toPathmeshError } from '../proto/errors.ts'
import { NODE_NAME_BYTES_MAX } from '../proto/limits.ts'
import { locate } from '../proto/locations.ts'
import { checkRate, parseRate } from '../proto/rate.ts'
import type { UpFlags } from '../proto/up.ts'

const nodeName = z
  .string()
  .min(1)
  .refine(
    name => Buffer.byteLength(name) <= NODE_NAME_BYTES_MAX,
    `a node's name has at most ${NODE_NAME_BYTES_MAX} bytes`
  )
  .refine(
    name => !/[/@\p{Cc}]/u.test(name) && name !== '.' && name !== '..',
    "a node's name holds no '/', '@' or control character"
  )

/** 0 is any free port. */
const port = z.int('a port is a number from 0 to 65535').min(0).max(65_535)
const PORT_TEXT = /^\d{1,5}$/

const ConfigFile = z.strictObject({
  name: nodeName.optional(),
  listen: z.array(z.string()).min(1).optional(),
  mdns: z.boolean().optional(),
  uploadLimit: z.union([z.string(), z.number()], 'a rate is a text as "20MiB/s", or bytes a second').optional(),
  downloadLimit: z.union([z.string(), z.number()], 'a rate is a text as "20MiB/s", or bytes a second').optional(),
  lanePort: port.optional(),
  lanes: z.boolean().optional(),
  log: z.enum(['debug', 'info', 'warn', 'error']).optional()
})

export interface Config {
  readonly data: string
  readonly socket: string
  /** What the node is called; undefined where nobody says: then what it was called before, or what its machine is. */
  readonly name: string | undefined
  /** Multiaddrs; without them the default port of every interface. */
  readonly listen: readonly string[] | undefined
  readonly mdns: boolean
  /** Bytes a second that are sent, and fetched, at most; 0: no limit. */
  readonly uploadLimit: number
  readonly downloadLimit: number
  /** The port that lanes are opened to; undefined where nobody says: the default one, or another that is free. */
  readonly lanePort: number | undefined
  /** Whether there are lanes at all. */
  readonly lanes: boolean
  readonly log: 'debug' | 'info' | 'warn' | 'error'
}

type Environment = Readonly<Record<string, string | undefined>>

/** INVALID_ARGUMENT, naming where a setting that cannot be used came from. */
export async function readConfig(flags: UpFlags, env: Environment, cwd: string): Promise<Config> {
  const { data, socket } = locate(flags, env, cwd)
  const path = join(data, 'config.json')
  const file = check(ConfigFile, await readJson(path), path)
  const listenText = env['PATHMESH_LISTEN']
  return {
    data,
    socket,
    name: check(
      nodeName.optional(),
      flags.name ?? env['PATHMESH_NAME'] ?? file.name,
      flags.name === undefined ? 'the name of this node' : '--name'
    )?.normalize('NFC'),
    listen:
      flags.listen ??
      (listenText === undefined || listenText === '' ? undefined : listenText.split(',')) ??
      file.listen,
    mdns: flags.mdns ?? switchOf(env, 'PATHMESH_MDNS') ?? file.mdns ?? true,
    uploadLimit: rateOf({ flags, env, file, path }, 'uploadLimit'),
    downloadLimit: rateOf({ flags, env, file, path }, 'downloadLimit'),
    lanePort: lanePortOf(flags, env) ?? file.lanePort,
    lanes: flags.lanes ?? switchOf(env, 'PATHMESH_LANES') ?? file.lanes ?? true,
    log: flags.verbose === true ? 'debug' : (file.log ?? 'info')
  }
}

const RATES = {
  uploadLimit: { flag: '--upload-limit', variable: 'PATHMESH_UPLOAD_LIMIT' },
  downloadLimit: { flag: '--download-limit', variable: 'PATHMESH_DOWNLOAD_LIMIT' }
} as const

interface Sources {
  readonly flags: UpFlags
  readonly env: Environment
  readonly file: z.infer<typeof ConfigFile>
  /** Of the file. */
  readonly path: string
}

function rateOf({ flags, env, file, path }: Sources, key: keyof typeof RATES): number {
  const { flag, variable } = RATES[key]
  const flagged = flags[key]
  if (flagged !== undefined) return checkRate(flagged, flag)
  const text = env[variable]
  if (text !== undefined && text !== '') return parseRate(text, variable)
  const written = file[key] ?? 0
  const where = `${path}: ${key}`
  return typeof written === 'string' ? parseRate(written, where) : checkRate(written, where)
}

function lanePortOf(flags: UpFlags, env: Environment): number | undefined {
  if (flags.lanePort !== undefined) return check(port, flags.lanePort, '--lane-port')
  const text = env['PATHMESH_LANE_PORT']
  if (text === undefined || text === '') return undefined
  return check(port, PORT_TEXT.test(text) ? Number(text) : text, 'PATHMESH_LANE_PORT')
}

const SWITCHES: ReadonlyMap<string, boolean> = new Map([
  ['0', false],
  ['false', false],
  ['1', true],
  ['true', true]
])

function switchOf(env: Environment, variable: string): boolean | undefined {
  const text = env[variable]
  if (text === undefined || text === '') return undefined
  const isOn = SWITCHES.get(text)
  if (isOn !== undefined) return isOn
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    `${variable}: ${JSON.stringify(text)} is neither 1 or true, nor 0 or false`
  )
}

/** That of the machine. */
export function defaultNodeName(): string {
  const name = hostname()
    .replaceAll(/[/@\p{Cc}]/gu, '-')
    .slice(0, NODE_NAME_BYTES_MAX)
  return name === '' ? 'node' : name
}

function check<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new PathmeshError(
    'INVALID_ARGUMENT',
    `${where}: ${[...(issue?.path ?? [])].join('.')} ${issue?.message ?? 'is not of the right form'}`.replaceAll(
      '  ',
      ' '
    )
  )
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (errno(error) === 'ENOENT') return {}
    if (error instanceof SyntaxError)
      throw new PathmeshError('INVALID_ARGUMENT', `${path} is not JSON: ${error.message}`, { cause: error })
    throw toPathmeshError(error, `reading ${path}`)
  }
}
