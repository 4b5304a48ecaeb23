import fc from 'fast-check'
import type { Destination } from '../../../gateway/policy/decision.ts'
import { connection, literal, name, request } from './sample.ts'

const label = fc.constantFrom('a', 'b', 'ab', 'ba')
/** Names of few labels, so that patterns meet them. */
export const hostName = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => `${labels.join('.')}.test`)
const hostPattern = fc
  .array(fc.oneof(label, fc.constantFrom('*', '**', 'a*', '*b', 'a*a')), { minLength: 1, maxLength: 3 })
  .map(labels => `${labels.join('.')}.test`)
const segment = fc.constantFrom('a', 'b', 'ab', '')
/** Paths in normal form; some have another loose form. */
export const path = fc
  .array(fc.oneof({ weight: 6, arbitrary: segment }, fc.constantFrom('a;b', 'a%2Fb', '%2F')), {
    minLength: 1,
    maxLength: 3,
  })
  .map(segments => `/${segments.join('/')}`)
const pathPattern = fc
  .array(fc.oneof(segment, fc.constantFrom('*', '**', 'a*')), { minLength: 1, maxLength: 3 })
  .map(segments => `/${segments.join('/')}`)

const methods = fc.constantFrom('', '', 'GET ', 'GET,HEAD ', 'POST ')
/** One rule, as text. */
export const rule = fc.oneof(
  hostPattern,
  hostPattern.map(host => `tcp://${host}:443`),
  hostPattern.map(host => `udp://${host}:53`),
  hostPattern.map(host => `tls://${host}`),
  fc
    .tuple(methods, fc.constantFrom('https://', 'http://'), hostPattern, fc.option(pathPattern, { nil: '' }))
    .map(parts => parts.join('')),
  fc
    .tuple(fc.constantFrom('wss://', 'ws://'), hostPattern, fc.option(pathPattern, { nil: '' }))
    .map(parts => parts.join('')),
  fc.constantFrom('tcp://10.0.0.0/8:443', 'tcp://10.1.0.0/16:443', 'tcp://0.0.0.0/0:1-65535', 'udp://10.0.0.1:53'),
)
export const rules = fc.array(rule, { maxLength: 6 })
/** Anything a layer of the gateway may ask. */
export const destination: fc.Arbitrary<Destination> = fc.oneof(
  hostName.map(name),
  fc
    .tuple(hostName, fc.constantFrom(443, 80, 53), fc.constantFrom('tcp' as const, 'udp' as const))
    .map(([host, port, transport]) => connection(host, port, transport)),
  fc.constantFrom('10.0.0.1', '10.1.2.3', '203.0.113.9', '169.254.169.254').map(raw => literal(raw)),
  fc
    .tuple(fc.constantFrom('GET', 'POST', 'HEAD', 'get'), fc.constantFrom('https', 'http', 'wss', 'ws'), hostName, path)
    .map(([method, scheme, host, at]) => request(`${method} ${scheme}://${host}${at}`)),
)

const onPath = fc
  .tuple(methods, fc.constantFrom('https://', 'wss://', 'http://'), fc.constantFrom('a.test', '*.test'), pathPattern)
  .map(([method, scheme, host, at]) => `${scheme === 'wss://' ? '' : method}${scheme}${host}${at}`)
/** Rules on paths, and requests, that all speak of `a.test`. */
export const pathRules = fc.array(onPath, { maxLength: 4 })
export const pathRequest: fc.Arbitrary<Destination> = fc
  .tuple(fc.constantFrom('GET', 'POST', 'post'), fc.constantFrom('https', 'wss', 'http'), path)
  .map(([method, scheme, at]) => request(`${method} ${scheme}://a.test${at}`))
