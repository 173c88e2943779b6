// Whether this program is the process of a Work, which loads the module of its class: an App in that module is not to run again there.

let isOfWork = false

/** Told by the process of a Work, before it loads anything of its user. */
export function becomeWork(): void {
  isOfWork = true
}

export const isProcessOfWork = (): boolean => isOfWork
