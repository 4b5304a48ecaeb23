import t from 'tap'
import { GatewayError } from '../../../../gateway/errors.ts'
import { type Observation, readLog } from '../../../../gateway/policy/suggest-log.ts'

async function* chunks(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function all(text: string | Uint8Array, size = 1_024): Promise<Observation[]> {
  const found: Observation[] = []
  for await (const line of readLog(chunks(text, size), 'egress.ndjson')) found.push(line)
  return found
}

const good = '{"v":1,"seq":0,"layer":"http","host":"grün.test","port":443,"process":{"exe":"/usr/bin/npm"}}'

for (const size of [1, 7, 1_024]) {
  t.test(`readLog(): reads every line, when chunks have ${size} bytes`, async t => {
    const lines = await all(`${good}\n${good}\n`, size)
    t.strictSame(
      lines,
      [1, 2].map(() => ({ layer: 'http', host: 'grün.test', port: 443, program: 'npm' })),
    )
  })
}

t.test('readLog(): a last line without its end is read too', async t => {
  t.equal((await all(`${good}\n${good}`)).length, 2)
})

const broken: readonly [string, string | Uint8Array][] = [
  ['is cut off', `${good}\n${good.slice(0, 30)}`],
  ['is empty', `${good}\n\n`],
  ['is not an object', `${good}\n[]\n`],
  ['is of another version', `${good}\n{"v":2,"layer":"http"}\n`],
  ['names no known layer', `${good}\n{"v":1,"layer":"smtp"}\n`],
  ['has a number for a name', `${good}\n{"v":1,"layer":"http","host":7}\n`],
  ['has a negative count', `${good}\n{"v":1,"layer":"http","bytesSent":-1}\n`],
  ['has a text for a truth value', `${good}\n{"v":1,"layer":"http","inspected":"yes"}\n`],
  ['is not UTF-8', Buffer.concat([Buffer.from(`${good}\n`), Buffer.from([0xff, 0xfe, 0x0a])])],
  ['is longer than 1 MiB', `${good}\n${'x'.repeat(1_100_000)}`],
]
for (const [name, text] of broken) {
  t.test(`readLog(): throws LOG_INVALID with file and line, when a line ${name}`, async t => {
    const error = await all(text, 65_536).then(
      () => undefined,
      (cause: unknown) => cause,
    )
    t.ok(error instanceof GatewayError)
    t.match(error, { code: 'LOG_INVALID', message: /^egress\.ndjson:2: / })
  })
}
