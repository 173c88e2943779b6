// Owns what tells one state of a local file from another without reading it.
// Refuses to decide more than that: equal stamps are a reason not to read again, never a proof.

export interface Fingerprint {
  readonly dev: bigint
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
}

/** What a path looks like: what is used of a `BigIntStats`. */
export interface Look extends Fingerprint {
  readonly mode: bigint
}

export function fingerprintOf({ dev, ino, size, mtimeNs, ctimeNs }: Fingerprint): Fingerprint {
  return { dev, ino, size, mtimeNs, ctimeNs }
}

/** Same size and time of writing: the content is taken to be the same. */
export function sameContentStamp(a: Fingerprint, b: Fingerprint): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs
}

/** The same file as well, not one moved into its place. */
export function sameFile(a: Fingerprint, b: Fingerprint): boolean {
  return a.dev === b.dev && a.ino === b.ino && sameContentStamp(a, b)
}
