// Who has completed a handshake of this mesh, where they were reached and when: in memory, written to a store.
// Refuses more than MEMBERS_MAX; those beyond are served while connected and forgotten afterwards.

import { MEMBERS_MAX } from '../../proto/limits.ts'
import { mergeAddresses } from './addresses.ts'
import type { Log, Member, MemberStore } from './ports.ts'

export class Members {
  readonly #store: MemberStore
  readonly #log: Log
  readonly #members = new Map<string, Member>()
  readonly #unwritten = new Set<string>()
  #writing: Promise<void> | undefined

  constructor(store: MemberStore, log: Log) {
    this.#store = store
    this.#log = log
  }

  async load(): Promise<void> {
    for await (const member of this.#store.list()) {
      if (this.#members.size >= MEMBERS_MAX) return
      this.#members.set(member.peerId, member)
    }
  }

  get(peerId: string): Member | undefined {
    return this.#members.get(peerId)
  }

  all(): IterableIterator<Member> {
    return this.#members.values()
  }

  /** `peerId` is, or was until now, connected. */
  seen(peerId: string, addresses: readonly string[], now: number): void {
    const known = this.#members.get(peerId)
    if (known === undefined && this.#members.size >= MEMBERS_MAX) return
    this.#set({ peerId, addresses: mergeAddresses(known?.addresses ?? [], addresses), lastSeen: now })
  }

  /** A member that was never met, by the word of one that was; returns whether there is something new to dial. */
  introduce(peerId: string, addresses: readonly string[]): boolean {
    if (this.#members.has(peerId)) return this.learn(peerId, addresses)
    if (this.#members.size >= MEMBERS_MAX) return false
    this.#set({ peerId, addresses, lastSeen: null })
    return true
  }

  /** Addresses of a member; returns whether one of them is new. */
  learn(peerId: string, addresses: readonly string[]): boolean {
    const known = this.#members.get(peerId)
    if (known === undefined || addresses.every(address => known.addresses.includes(address))) return false
    this.#set({ ...known, addresses: mergeAddresses(known.addresses, addresses) })
    return true
  }

  /** Resolves when all that was learnt is in the store. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  #set(member: Member): void {
    this.#members.set(member.peerId, member)
    this.#unwritten.add(member.peerId)
    this.#writing ??= this.#write()
  }

  async #write(): Promise<void> {
    for (const peerId of this.#unwritten) {
      this.#unwritten.delete(peerId)
      const member = this.#members.get(peerId)
      if (member === undefined) continue
      try {
        await this.#store.put(member)
      } catch (error) {
        this.#log.warn('member not remembered', { peer: peerId, error })
      }
    }
    this.#writing = undefined
  }
}
