import t from 'tap'
import { AttributionWindow, type Peer } from '../../../gateway/dns/attribution-window.ts'
import { FakeClock, FakeJob, policy, processNamed } from './fake-job.ts'

const peer = (port: number, transport: 'udp' | 'tcp' = 'udp'): Peer => ({
  transport,
  address: '198.19.0.2',
  port,
  destination: { address: '198.19.0.1', port: 53 },
})

function open() {
  const clock = new FakeClock()
  const job = new FakeJob(policy('block', ''), clock.now)
  job.process = processNamed('/usr/bin/curl')
  return { clock, job, window: new AttributionWindow(job, clock.now) }
}

t.test('find(): asks for the socket as it is, once, and remembers for a moment', async t => {
  const { job, window, clock } = open()
  t.match(await window.find(peer(40_000)), { exe: '/usr/bin/curl' })
  t.match(window.find(peer(40_000)), { exe: '/usr/bin/curl' })
  t.match(job.asked, [
    {
      transport: 'udp',
      source: { address: '198.19.0.2', port: 40_000 },
      destination: { address: '198.19.0.1', port: 53 },
    },
  ])
  clock.ms += 250
  await window.find(peer(40_000))
  t.equal(job.asked.length, 2, 'and asks again after it')
})

t.test('find(): questions from one socket at the same time are one look-up', async t => {
  const { job, window } = open()
  await Promise.all([window.find(peer(40_000)), window.find(peer(40_000))])
  t.equal(job.asked.length, 1)
})

t.test('find(): another port, transport or address is another socket', async t => {
  const { job, window } = open()
  await window.find(peer(40_000))
  await window.find(peer(40_001))
  await window.find(peer(40_000, 'tcp'))
  await window.find({ ...peer(40_000), address: '198.19.0.6' })
  t.equal(job.asked.length, 4)
})

t.test('find(): does not wait long for a look-up that hangs, and does not fail with one that fails', async t => {
  const { job, window } = open()
  job.process = () => new Promise(() => undefined)
  t.equal(await window.find(peer(40_000)), undefined)
  job.process = async () => Promise.reject(new Error('gone'))
  t.equal(await window.find(peer(40_001)), undefined)
})

t.test('find(): a flood from ever new ports is looked up 500 times a second', async t => {
  const { job, window, clock } = open()
  for (let port = 1; port < 2_000; port++) await window.find(peer(port))
  t.equal(job.asked.length, 500)
  clock.ms += 1_000
  t.match(await window.find(peer(3_000)), { exe: '/usr/bin/curl' })
})

t.test('find(): no more than 64 look-ups run at the same time', async t => {
  const { job, window } = open()
  job.process = () => new Promise(() => undefined)
  for (let port = 1; port < 200; port++) void window.find(peer(port))
  t.equal(job.asked.length, 64)
})
