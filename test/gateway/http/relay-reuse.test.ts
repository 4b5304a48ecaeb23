import t from 'tap'
import { policyOf } from '../door/fake-job.ts'
import { Harness } from './harness.ts'

const scoped = policyOf('block', ['http://api.example.test/open/**'])
const h = 'Host: api.example.test\r\n'
const early = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n'
const headed = (text: string): boolean => text.includes('\r\n\r\n')

for (const [how, body] of [
  ['Content-Length', 'Content-Length: 200\r\n\r\nab'],
  ['chunked', 'Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n80\r\n'],
] as const) {
  for (const leaving of ['end', 'destroy'] as const) {
    t.test(
      `relayHttp1(): an answer that came before the end of a ${how} body does not lend the connection to the next client, when the client leaves by ${leaving}()`,
      async t => {
        const heard: string[] = []
        await using harness = await Harness.open(scoped, socket => {
          const at = heard.push('') - 1
          socket.setEncoding('latin1')
          socket.on('data', (text: string) => {
            heard[at] += text
            // As servers do that refuse before they have read: the connection stays open.
            if (headed(heard[at] ?? '')) socket.write(early)
          })
          socket.on('end', () => socket.end())
        })
        const first = await harness.client()
        first.send(`POST /open/a HTTP/1.1\r\n${h}${body}`)
        await first.until(text => text.endsWith('no\n'))
        first.socket[leaving]()
        while (harness.relays.size > 0) await Promise.all(harness.relays)

        const second = await harness.client()
        second.send(`GET /open/b HTTP/1.1\r\n${h}\r\n`)
        await second.until(text => text.endsWith('no\n'))
        t.match(heard[0], /^POST \/open\/a /)
        t.notMatch(heard[0], 'GET /open/b', 'nothing follows half a body')
        t.match(heard[1], /^GET \/open\/b /)
      },
    )
  }
}
