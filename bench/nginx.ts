// nginx as a rival: one process that serves a folder over TLS 1.3 with the cipher of lanes, and curl that fetches from it to the disk
// and syncs what it wrote.

import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { endChild, watched } from './children.ts'
import { answers, freePort } from './ports.ts'
import { type Cpu, cpuOf } from './processes.ts'
import type { Place } from './nodes.ts'
import { cpuSecondsOf, findProgram, run } from './run.ts'

const SUITE = 'TLS_AES_128_GCM_SHA256'

export interface Nginx {
  readonly pid: number
  cpu(): Promise<Cpu>
  /** Fetches a file of the folder to `target`, which is on the disk then; resolves to curl's seconds on a processor. */
  fetch(file: string, target: string): Promise<number>
}

/** Serves the folder of a place. Undefined where nginx, curl or openssl is missing. */
export async function startNginx(place: Place): Promise<Nginx | undefined> {
  const [program, curl, openssl] = await Promise.all(['nginx', 'curl', 'openssl'].map(findProgram))
  if (program === undefined || curl === undefined || openssl === undefined) return undefined
  const folder = join(place.folder, 'nginx')
  await mkdir(folder)
  const at = { key: join(folder, 'key.pem'), certificate: join(folder, 'certificate.pem') }
  const config = join(folder, 'nginx.conf')
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const self = ['-x509', '-nodes', '-days', '2', '-subj', '/CN=localhost']
  await run(openssl, ['req', ...self, ...curve, '-keyout', at.key, '-out', at.certificate])
  const port = await freePort()
  await writeFile(config, configOf({ folder, root: place.folder, ...at, port }))
  const child = watched(
    spawn(program, ['-e', join(folder, 'error.log'), '-c', config], { stdio: 'ignore', detached: true })
  )
  const { pid } = child
  place.own(() => endChild(child))
  if (pid === undefined) throw new Error(`${program} could not be started`)
  await answers(port)
  return {
    pid,
    cpu: () => cpuOf(pid),
    fetch: async (file, target) => {
      const secure = ['--insecure', '--tlsv1.3', '--tls13-ciphers', SUITE, '--http1.1']
      const from = `https://127.0.0.1:${port}/${file}`
      const seconds = await cpuSecondsOf(curl, [
        '--silent',
        '--show-error',
        '--fail',
        ...secure,
        '--output',
        target,
        from
      ])
      await run('sync', [target])
      return seconds
    }
  }
}

interface Config {
  readonly folder: string
  readonly root: string
  readonly key: string
  readonly certificate: string
  readonly port: number
}

/** One process in the foreground: one connection keeps no more than one busy. Large buffers, since all of it is one large file. */
function configOf({ folder, root, key, certificate, port }: Config): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    kind => `  ${kind}_temp_path ${join(folder, kind)};`
  )
  return `daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')};
events {}
http {
  access_log off;
${temporary.join('\n')}
  keepalive_timeout 0;
  sendfile off;
  output_buffers 4 512k;
  ssl_buffer_size 16k;
  ssl_protocols TLSv1.3;
  ssl_conf_command Ciphersuites ${SUITE};
  ssl_session_tickets off;
  ssl_certificate ${certificate};
  ssl_certificate_key ${key};
  server {
    listen 127.0.0.1:${port} ssl;
    root ${root};
  }
}
`
}
