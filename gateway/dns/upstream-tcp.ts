import { connect } from 'node:net'
import { Frames, renderFrame } from './frames.ts'
import { readUint16 } from './name.ts'
import { answersQuestion, withId, type UpstreamQuestion } from './upstream-question.ts'
import type { ResolverAddress } from './upstream-udp.ts'

/**
 * Asks one question over a TCP connection of its own (RFC 7766), for answers that UDP cut. Undefined when the resolver
 * cannot be reached, closes early, answers something else, or `signal` aborts. Reads one message, at most 65,535 bytes.
 */
export async function askOverTcp(
  resolver: ResolverAddress,
  question: UpstreamQuestion,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  if (signal.aborted) return undefined
  const id = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>()
  const giveUp = (): void => resolve(undefined)
  const frames = new Frames()
  const socket = connect({ host: resolver.address, port: resolver.port, noDelay: true })
  socket.on('error', giveUp).on('close', giveUp)
  socket.on('data', chunk => frames.push(chunk, resolve))
  signal.addEventListener('abort', giveUp)
  socket.write(renderFrame(withId(question, id, true)))
  try {
    const answer = await promise
    const isOurs = answer !== undefined && answer.length >= 12 && readUint16(answer, 0) === id
    return isOurs && answersQuestion(answer, question) ? answer : undefined
  } finally {
    signal.removeEventListener('abort', giveUp)
    socket.destroy()
  }
}
