// A door between two daemons: bytes towards the one that dials pass while there is allowance, and wait when it is used up. So a
// test stops a transfer where it wants to, on a machine of any speed.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { decodeInvite, encodeInvite } from '../../proto/invite.ts'
import type { Daemon } from './daemons.ts'

/** The environment of a daemon behind a gate: what moves over lanes does not pass it. */
export const NO_LANES = { PATHMESH_LANES: '0' }

export class Gate {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #allowance = Infinity
  #waiting: (() => void)[] = []

  private constructor(server: Server) {
    this.#server = server
  }

  static async to(daemon: Daemon): Promise<Gate> {
    const server = createServer({ pauseOnConnect: true })
    const gate = new Gate(server)
    const target = daemon.port
    server.on('connection', socket => gate.#join(socket, target))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return gate
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** An invite of the daemon behind it, whose only address is this door. */
  async invite(daemon: Daemon): Promise<string> {
    const invite = decodeInvite(await daemon.invite())
    return encodeInvite({
      ...invite,
      addresses: invite.addresses.map(address => address.replace(/\/tcp\/\d+/, `/tcp/${this.port}`))
    })
  }

  /** Lets so many bytes more pass; Infinity takes the door away. */
  allow(bytes: number): void {
    this.#allowance = bytes
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async close(): Promise<void> {
    this.allow(0)
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #join(dialler: Socket, port: number): void {
    const target = connect(port, '127.0.0.1')
    for (const [socket, other] of [
      [dialler, target],
      [target, dialler]
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      // Whatever ends one end ends the other.
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    dialler.pipe(target)
    target.on('data', (bytes: Buffer) => {
      target.pause()
      void this.#send(bytes, dialler).then(() => target.resume())
    })
    target.on('end', () => dialler.end())
  }

  async #send(bytes: Buffer, to: Socket): Promise<void> {
    while (this.#allowance <= 0 && !to.destroyed) await new Promise<void>(wake => this.#waiting.push(wake))
    this.#allowance -= bytes.length
    if (to.destroyed || to.write(bytes)) return
    await new Promise<void>(resolve => {
      const go = () => {
        to.off('drain', go).off('close', go)
        resolve()
      }
      to.on('drain', go).on('close', go)
    })
  }
}
