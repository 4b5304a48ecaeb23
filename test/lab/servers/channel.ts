import type { ChildProcess } from 'node:child_process'

/** The methods one side of a channel offers to the other. Arguments and results are structured clones. */
export type Offer = Readonly<Record<string, (...args: never[]) => unknown>>

type Message =
  | { readonly kind: 'call'; readonly id: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'fault'; readonly id: number; readonly message: string }

/** Calls a method of the other side by name. */
export type Caller<Remote> = <Name extends keyof Remote & string>(
  method: Name,
  ...args: Remote[Name] extends (...args: infer Args) => unknown ? Args : never
) => Promise<Remote[Name] extends (...args: never[]) => infer Result ? Awaited<Result> : never>

/**
 * Opens a two-way call channel over the IPC of a parent and a child process. What a side sent before a result was sent
 * before it; so a result is a barrier. Calls reject when the other side is gone.
 */
export function openChannel<Remote>(peer: ChildProcess | NodeJS.Process, offer: Offer): Caller<Remote> {
  const waiting = new Map<
    number,
    { readonly resolve: (value: unknown) => void; readonly reject: (cause: Error) => void }
  >()
  let calls = 0
  let gone: Error | undefined
  const send = (message: Message): void => {
    peer.send?.(message, undefined, undefined, cause => {
      if (cause !== null) fail(cause)
    })
  }
  const fail = (cause: Error): void => {
    gone ??= cause
    for (const { reject } of waiting.values()) reject(gone)
    waiting.clear()
  }
  const answer = async ({ id, method, args }: Extract<Message, { kind: 'call' }>): Promise<void> => {
    try {
      const implementation: unknown = offer[method]
      if (typeof implementation !== 'function') throw new Error(`no such method: ${method}`)
      send({ kind: 'result', id, value: await implementation(...args) })
    } catch (cause) {
      send({ kind: 'fault', id, message: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) })
    }
  }
  peer.on('message', (message: Message) => {
    if (message.kind === 'call') {
      void answer(message)
      return
    }
    const call = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.kind === 'result') call?.resolve(message.value)
    else call?.reject(new Error(message.message))
  })
  peer.once('disconnect', () => fail(new Error('the lab process is gone')))
  return async (method, ...args) => {
    if (gone !== undefined) throw gone
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const id = (calls += 1)
    waiting.set(id, { resolve, reject })
    send({ kind: 'call', id, method, args })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the other side is the same program; its offer has this type
    return (await promise) as never
  }
}
