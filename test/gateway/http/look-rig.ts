import type { Socket } from 'node:net'
import { policyOf } from '../door/fake-job.ts'
import type { Watcher } from '../insight/watcher.ts'
import { Harness, scripted } from './harness.ts'

export const hostField = 'Host: api.example.test\r\n'
export const get = `GET /x?q=1 HTTP/1.1\r\n${hostField}\r\n`
export const ok = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ngood'
export const headed = (text: string): boolean => text.includes('\r\n\r\n')
export const never = (): boolean => false
export const rules: readonly string[] = ['http://api.example.test']

/** A relay whose job somebody looks at. */
export async function watched(
  mode: 'audit' | 'block',
  watcher: Watcher,
  origin: (socket: Socket) => void,
): Promise<Harness> {
  const harness = await Harness.open(policyOf(mode, rules), origin)
  harness.job.insight = watcher
  return harness
}

/** An origin that says these bytes to each request that is `isWhole`, and ends the connection if told so. */
export function saying(answer: string, { ends = false, isWhole = headed } = {}): (socket: Socket) => void {
  return socket =>
    scripted(text => {
      if (!isWhole(text)) return undefined
      if (!ends) return answer
      socket.end(answer, 'latin1')
      return undefined
    })(socket)
}

/** An answer in two pieces, the second once the first was seen. */
export function twice(
  watcher: Watcher,
  head: string,
  first: string,
  second: string,
  ends = false,
): (socket: Socket) => void {
  return socket => {
    socket.once('data', () => {
      socket.write(head + first, 'latin1')
      void watcher
        .saw('receiving one,')
        .then(() => (ends ? socket.end(second, 'latin1') : socket.write(second, 'latin1')))
    })
  }
}

/** How an answer of two pieces may be framed: head, first, second, and whether the connection ends with it. */
export const framings = [
  ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n', 'one,', 'two', false],
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '4\r\none,\r\n', '3\r\ntwo\r\n0\r\n\r\n', false],
  ['the end of the connection', 'HTTP/1.1 200 OK\r\n\r\n', 'one,', 'two', true],
] as const
