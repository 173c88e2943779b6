// Who may be a member, beyond knowing the mesh's secret: the place of certificates and revocation.
// Both sides are asked before a muxer or protocol exists on the connection.

export interface Admission {
  /** What this node shows `remotePeer`; may be empty. */
  credentials(remotePeer: string): Uint8Array
  /** Whether `remotePeer`, whose key noise has just proven, may connect with what it has shown. */
  accept(remotePeer: string, certificate: Uint8Array): Promise<boolean> | boolean
}

/** The mesh's secret is proof enough. */
export const secretSuffices: Admission = {
  credentials: () => new Uint8Array(0),
  accept: () => true
}
