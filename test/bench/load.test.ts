import t from 'tap'
import { parseCurl, parseDnsperf, parseH2load, parseWrk } from '../../bench/rig/load.ts'

const wrk = `Running 3s test @ https://bulk.acme.test/1k
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.48ms    1.02ms  24.21ms   93.16%
  Latency Distribution
     50%    1.29ms
     75%    1.71ms
     99%  812.00us
  66122 requests in 3.00s, 80.58MB read
  Socket errors: connect 1, read 2, write 0, timeout 3
  Non-2xx or 3xx responses: 7
Requests/sec:  22030.11
Transfer/sec:     26.85MB
`

t.test('parseWrk(): rate, latencies in ms, and all that went wrong', async t => {
  t.same(parseWrk(wrk), { requests: 66_122, perSecond: 22_030.11, p50Ms: 1.29, p99Ms: 0.812, bad: 13 })
})

t.test('parseWrk(): throws for what is no report', async t => {
  t.throws(() => parseWrk('unable to connect to bulk.acme.test:443 Connection refused'))
})

t.test('parseH2load(): answers, failures and the protocol that was spoken', async t => {
  const report = `starting benchmark...
Application protocol: h2

finished in 2.00s, 5172.50 req/s, 5.66MB/s
requests: 10345 total, 10377 started, 10345 done, 10344 succeeded, 1 failed, 2 errored, 0 timeout
status codes: 10344 2xx, 0 3xx, 1 4xx, 0 5xx
`
  t.same(parseH2load(report), { answered: 10_344, failed: 3, perSecond: 5_172.5, protocol: 'h2' })
})

t.test('parseCurl(): one result a line, whatever stands around them', async t => {
  const report = `200 1.1 104857600 0 0.283273
curl: (52) Empty reply from server
000 0 0 81788928 0.500000
`
  t.same(parseCurl(report), [
    { status: 200, httpVersion: '1.1', bytes: 104_857_600, seconds: 0.283_273 },
    { status: 0, httpVersion: '0', bytes: 81_788_928, seconds: 0.5 },
  ])
  t.throws(() => parseCurl('curl: (6) Could not resolve host'))
})

t.test('parseDnsperf(): counts, rate and response codes', async t => {
  const report = `Statistics:

  Queries sent:         23004
  Queries completed:    23000 (99.98%)
  Queries lost:         4 (0.02%)

  Response codes:       NOERROR 22990 (99.96%), SERVFAIL 10 (0.04%)
  Queries per second:   47107.117
`
  t.same(parseDnsperf(report), {
    completed: 23_000,
    lost: 4,
    perSecond: 47_107.117,
    rcodes: { NOERROR: 22_990, SERVFAIL: 10 },
  })
})
