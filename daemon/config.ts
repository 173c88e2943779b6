// What a daemon is told: flags, then the environment, then `config.json` in its data folder, then defaults. Refuses what it
// does not know, so that a mistyped setting is not silently ignored.

import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { errno, PathmeshError, toPathmeshError } from '../proto/errors.ts'
import { NODE_NAME_BYTES_MAX } from '../proto/limits.ts'
import { locate } from '../proto/locations.ts'
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

const ConfigFile = z.strictObject({
  name: nodeName.optional(),
  listen: z.array(z.string()).min(1).optional(),
  mdns: z.boolean().optional(),
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
    mdns:
      flags.mdns ??
      (env['PATHMESH_MDNS'] === undefined ? undefined : env['PATHMESH_MDNS'] !== '0') ??
      file.mdns ??
      true,
    log: flags.verbose === true ? 'debug' : (file.log ?? 'info')
  }
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
