// The command with a daemon that only listens: for tests of processes. `--name` says what the daemon does instead.

import { createServer } from 'node:http'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { runProcess } from '../../client/cli/process.ts'
import { PathmeshError } from '../../proto/errors.ts'
import { API_HEADER, API_VERSION, ROUTES } from '../../proto/routes.ts'
import { PEER, STATUS } from './fake-daemon.ts'

await runProcess(async (flags, onReady) => {
  const { socket = '', name = 'gpu-1', join } = flags
  if (name === 'in-use')
    throw new PathmeshError('IN_USE', 'another daemon holds this folder', { details: { data: flags.data } })
  if (name === 'port') throw new PathmeshError('IN_USE', 'port 4748 for lanes is taken')
  if (name === 'denied') throw new PathmeshError('DENIED', 'this node belongs to another mesh')
  if (name === 'flags') throw new PathmeshError('DENIED', JSON.stringify(flags))
  if (name === 'memory')
    throw new PathmeshError('DENIED', [...process.execArgv, process.env['MALLOC_ARENA_MAX']].join(' '))
  if (name === 'crash') throw new Error('out of luck')
  mkdirSync(dirname(socket), { recursive: true, mode: 0o700 })
  const server = createServer((request, response) => {
    response.setHeader(API_HEADER, API_VERSION)
    if (request.url === ROUTES.shutdown.path) server.close()
    response
      .setHeader('connection', 'close')
      .end(JSON.stringify(request.url === ROUTES.shutdown.path ? { done: true } : STATUS))
  })
  await new Promise<void>(resolve => server.listen(socket, resolve))
  onReady({ event: 'ready', peerId: PEER, name: join ?? name, meshId: 'mesh', created: true, addresses: [], socket })
  await new Promise(resolve => server.once('close', resolve))
  rmSync(socket, { force: true })
  return 0
})
