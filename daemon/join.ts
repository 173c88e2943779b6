// Which mesh this node belongs to, and whom of it the node remembers.

import { createMesh, joinMesh, loadMesh, type Mesh } from './swarm/mesh-file.ts'
import type { Member, MemberStore } from './swarm/ports.ts'
import { type Database, put } from './store/database.ts'
import type { Invite } from '../proto/invite.ts'

/** DENIED for an invite to another mesh than the folder's. It is wrong whether or not a daemon runs there. */
export async function refuseOtherMesh(data: string, invite: Invite | undefined): Promise<void> {
  if (invite !== undefined && (await loadMesh(data)) !== null) await joinMesh(data, invite)
}

/** The folder's mesh: that of the invite, the one it has, or a new one. */
export async function enterMesh(data: string, invite: Invite | undefined): Promise<{ mesh: Mesh; created: boolean }> {
  if (invite !== undefined) return { mesh: await joinMesh(data, invite), created: false }
  const mesh = await loadMesh(data)
  return mesh === null ? { mesh: await createMesh(data), created: true } : { mesh, created: false }
}

/** Members as the database keeps them, the inviter among them from the start. */
export async function openMembers(database: Database, self: string, invite: Invite | undefined): Promise<MemberStore> {
  const rows = database.table<Member>('members')
  const members = {
    list: () => rows.values(),
    put: (member: Member) => database.note([put(rows, member.peerId, member)])
  }
  if (invite !== undefined && invite.peerId !== self && (await rows.get(invite.peerId)) === undefined) {
    const addresses = invite.addresses.map(address => address.replace(/\/p2p\/[^/]+$/, ''))
    await members.put({ peerId: invite.peerId, addresses, lastSeen: null })
  }
  return members
}
