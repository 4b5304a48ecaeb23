/**
 * Speaks bytes as they are over TLS or TCP, one case after another, each on a connection of its own, and writes down the
 * bytes that come back and how it ended. Arguments: a JSON file of cases, a JSON file for the answers.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { RawAnswer, RawCase } from './raw-case.ts'

const limitMs = 8_000

const [from = '', to = ''] = process.argv.slice(2)
const cases: readonly RawCase[] = JSON.parse(readFileSync(from, 'utf8'))
const answers: RawAnswer[] = []
for (const one of cases) answers.push(await converse(one))
writeFileSync(to, JSON.stringify(answers))

async function converse({ name, host, secure, steps, until }: RawCase): Promise<RawAnswer> {
  const socket: Socket = secure
    ? connectTls({ host, port: 443, servername: host, ALPNProtocols: ['http/1.1'] })
    : connectTcp({ host, port: 80 })
  const { promise, resolve } = Promise.withResolvers<string>()
  const timer = setTimeout(() => resolve('too late'), limitMs)
  const heard: Buffer[] = []
  const text = (): string => Buffer.concat(heard).toString('latin1')
  let wake = (): void => {}
  socket.on('data', bytes => {
    heard.push(bytes)
    wake()
    if (until !== undefined && text().includes(until)) resolve('enough')
  })
  socket.on('end', () => resolve('end'))
  socket.on('error', cause => resolve('code' in cause ? String(cause.code) : cause.message))
  socket.on('close', () => resolve('close'))
  await new Promise<void>(ready => {
    socket.once(secure ? 'secureConnect' : 'connect', () => ready())
    void promise.then(() => ready())
  })
  for (const step of steps) {
    if (socket.destroyed) break
    if ('send' in step) socket.write(step.send, 'latin1')
    else if ('slowly' in step) {
      socket.setNoDelay(true)
      for (const octet of step.slowly) await new Promise(written => socket.write(octet, 'latin1', written))
    } else if ('await' in step) {
      while (!text().includes(step.await) && !socket.destroyed && !socket.readableEnded)
        await Promise.race([new Promise<void>(more => (wake = more)), promise])
    } else {
      resolve('left')
      socket.destroy()
    }
  }
  const end = await promise
  clearTimeout(timer)
  socket.destroy()
  const bytes = Buffer.concat(heard)
  return {
    name,
    end,
    length: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    text: bytes.subarray(0, 4_096).toString('latin1'),
  }
}
