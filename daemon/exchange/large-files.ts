// Which large files are still to come: the plan says how many leaves of a file it asked for, arrivals count them down, and
// at none left the file is whole. Leaves may arrive before the plan has seen the end of their file.

export interface LargeFile {
  readonly path: string
  readonly size: number
  readonly executable: boolean
}

export class LargeFiles {
  readonly #toCome = new Map<string, { leaves: number; planned: boolean }>()
  readonly #onWhole: (file: LargeFile) => Promise<void>

  constructor(onWhole: (file: LargeFile) => Promise<void>) {
    this.#onWhole = onWhole
  }

  /** The plan has seen the whole file, and asked for so many leaves of it. */
  planned(file: LargeFile, leaves: number): Promise<void> {
    return this.#change(file, leaves, true)
  }

  arrived(file: LargeFile): Promise<void> {
    return this.#change(file, -1, false)
  }

  async #change(file: LargeFile, by: number, planned: boolean): Promise<void> {
    const before = this.#toCome.get(file.path) ?? { leaves: 0, planned: false }
    const now = { leaves: before.leaves + by, planned: before.planned || planned }
    this.#toCome.set(file.path, now)
    if (now.leaves !== 0 || !now.planned) return
    this.#toCome.delete(file.path)
    await this.#onWhole(file)
  }
}
