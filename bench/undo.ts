// What a bench leaves on the system while it runs (processes, folders, network namespaces) and takes back whatever ends it: its last
// line, an error, Ctrl-C or a signal.

export type Undo = () => Promise<void>

const ENDS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

const open = new Set<Undo>()
let ending = false

/** Hands out `undo` as something that runs once: when it is called, or at the end of the program. */
export function undoLater(undo: Undo): Undo {
  let done: Promise<void> | undefined
  const once: Undo = () => (done ??= undo().finally(() => open.delete(once)))
  open.add(once)
  return once
}

/** Takes back what is still there, the newest first. What fails is told, and does not keep the rest. */
export async function undoAll(): Promise<void> {
  for (const undo of [...open].toReversed()) await undo().catch((error: unknown) => console.error(error))
}

/** Runs a program to its end, and leaves nothing of it behind when a signal ends it before. */
export async function runAndUndo(run: () => Promise<void>): Promise<void> {
  for (const [signal, status] of Object.entries(ENDS)) {
    process.once(signal, () => {
      ending = true
      void undoAll().finally(() => process.exit(status))
    })
  }
  try {
    await run()
  } catch (error) {
    // What is taken away under a running bench makes it fail: that is no news.
    if (!ending) throw error
  } finally {
    if (!ending) await undoAll()
  }
}
