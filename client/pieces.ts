// Bytes that were read ahead, put before those that follow.

/** Lets go of each of the first as it is handed on. */
export async function* behind(
  first: Uint8Array[],
  rest: AsyncGenerator<Uint8Array, void, undefined>
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let piece = first.shift(); piece !== undefined; piece = first.shift()) yield piece
  yield* rest
}
