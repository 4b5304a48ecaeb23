import type { Refusal } from './refusal.ts'

/** A refusal as an HTTP/1.1 message. `withBody` is false for HEAD. */
export function renderAnswer(
  refusal: Refusal,
  options: { readonly close: boolean; readonly withBody: boolean },
): Buffer {
  const fields = refusal.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const connection = options.close ? 'close' : 'keep-alive'
  const head = `HTTP/1.1 ${refusal.status} ${refusal.statusText}\r\n${fields}connection: ${connection}\r\n\r\n`
  return Buffer.from(options.withBody ? head + refusal.body : head)
}
