/**
 * Waits for all of them and owns what they open, in the order given, also when one fails: then the first failure is thrown
 * when the others have settled, so that nothing is opened after we have tidied up.
 */
export async function settleAll<const T extends readonly Promise<object>[]>(
  stack: AsyncDisposableStack,
  opening: T,
): Promise<{ -readonly [Key in keyof T]: Awaited<T[Key]> }> {
  const settled = await Promise.allSettled(opening)
  for (const outcome of settled) {
    if (outcome.status === 'fulfilled' && isAsyncDisposable(outcome.value)) stack.use(outcome.value)
  }
  const failed = settled.find(outcome => outcome.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return Promise.all(opening)
}

function isAsyncDisposable(value: object): value is AsyncDisposable {
  return Symbol.asyncDispose in value
}
