// What stands for a value on its way to JSON, where the value itself would have to be built first. Writes nothing.

/** A list that is gone through once, item by item. */
export class JsonList {
  readonly items: Iterable<unknown>

  constructor(items: Iterable<unknown>) {
    this.items = items
  }
}

/** The fields of an object, in order. */
export class JsonFields {
  readonly fields: Iterable<readonly [string, unknown]>

  constructor(fields: Iterable<readonly [string, unknown]>) {
    this.fields = fields
  }
}

/** Numbers as a list: what each element is, where the array has only its bits. */
export class JsonNumbers {
  readonly array: NodeJS.TypedArray
  readonly read: ((bits: number) => unknown) | undefined

  constructor(array: NodeJS.TypedArray, read?: (bits: number) => unknown) {
    this.array = array
    this.read = read
  }
}

/** A number that is written with exactly these digits. */
export class JsonDigits {
  readonly digits: string

  constructor(digits: string) {
    this.digits = digits
  }
}
