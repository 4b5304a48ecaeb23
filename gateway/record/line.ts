import { hash } from 'node:crypto'
import type { FlowEvent, ProcessInfo } from './event.ts'

/** The hash before the first line. */
export const zeroHash = '0'.repeat(64)

/** SHA-256 (hex) of a line's bytes, without its line feed: what the next line carries as `prev`. */
export function lineHash(line: string | Uint8Array): string {
  return hash('sha256', line)
}

/**
 * One line of the log, without its line feed: fields in the order of docs/log.md, pure ASCII (all else as `\u` escapes),
 * so that a character is a byte. By hand, as this runs once per request of a proxy: JSON.stringify alone costs 1.5 times
 * as much. `job` is already JSON text.
 */
export function renderLine(event: FlowEvent, seq: number, job: string, prev: string): string {
  let line = `{"v":1,"seq":${seq},"time":"${rfc3339(event.startedAt)}","job":${job}${placeText(event)}`
  if (event.asked !== undefined) line += `,"asked":${quote(event.asked)}`
  if (event.method !== undefined) line += `,"method":${quote(event.method)}`
  if (event.path !== undefined) line += `,"path":${quote(event.path)}`
  if (event.status !== undefined) line += numberField('status', event.status)
  if (event.qtype !== undefined) line += `,"qtype":${quote(event.qtype)}`
  if (event.rcode !== undefined) line += `,"rcode":${quote(event.rcode)}`
  if (event.verdict !== undefined) line += `,"verdict":"${event.verdict}"`
  if (event.reason !== undefined) line += `,"reason":"${event.reason}"`
  if (event.rule !== undefined) line += `,"rule":${quote(event.rule)}`
  if (event.inspected !== undefined) line += event.inspected ? ',"inspected":true' : ',"inspected":false'
  if (event.bytesSent !== undefined) line += numberField('bytesSent', event.bytesSent)
  if (event.bytesReceived !== undefined) line += numberField('bytesReceived', event.bytesReceived)
  if (event.durationMs !== undefined) line += numberField('durationMs', event.durationMs)
  if (event.packets !== undefined) line += numberField('packets', event.packets)
  if (event.process !== undefined) line += processText(event.process)
  if (event.event !== undefined) line += `,"event":"${event.event}"`
  if (event.before !== undefined) line += `,"before":${quote(event.before)}`
  if (event.after !== undefined) line += `,"after":${quote(event.after)}`
  if (event.token !== undefined) line += `,"token":${quote(event.token)}`
  if (event.error !== undefined) line += `,"error":"${event.error}"`
  if (event.details !== undefined) line += `,"details":${ascii(JSON.stringify(event.details))}`
  return `${line},"prev":"${prev}"}`
}

/** The fields that all requests of one connection have in common. */
interface Place {
  readonly event: FlowEvent
  readonly text: string
}

/** By flow, of connections that carry requests: each is rendered once and not with every request. */
const places = new Map<string, Place>()
const mostPlaces = 512

function placeText(event: FlowEvent): string {
  const { flow } = event
  if (flow === undefined || event.layer !== 'http') return renderPlace(event)
  const known = places.get(flow)
  if (known !== undefined && isSamePlace(known.event, event)) return known.text
  const text = renderPlace(event)
  if (places.size >= mostPlaces) places.clear()
  places.set(flow, { event, text })
  return text
}

function isSamePlace(a: FlowEvent, b: FlowEvent): boolean {
  return a.host === b.host && a.address === b.address && a.port === b.port && a.protocol === b.protocol
}

function renderPlace(event: FlowEvent): string {
  let text = ''
  if (event.flow !== undefined) text += `,"flow":${quote(event.flow)}`
  text += `,"layer":"${event.layer}"`
  if (event.host !== undefined) text += `,"host":${quote(event.host)}`
  if (event.address !== undefined) text += `,"address":${quote(event.address)}`
  if (event.port !== undefined) text += numberField('port', event.port)
  if (event.protocol !== undefined) text += `,"protocol":${quote(event.protocol)}`
  return text
}

const needsEscape = /[^\x20\x21\x23-\x5b\x5d-\x7e]/
const notAscii = /[\x7f-\uffff]/g

/** JSON text of a string, ASCII only. */
export function quote(text: string): string {
  return needsEscape.test(text) ? ascii(JSON.stringify(text)) : `"${text}"`
}

function ascii(json: string): string {
  return json.replace(notAscii, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** What is no number (a subtraction gone wrong) is left out rather than written as `null`; three decimals at most. */
function numberField(name: string, value: number): string {
  if (Number.isInteger(value)) return `,"${name}":${value}`
  if (!Number.isFinite(value)) return ''
  const thousandths = Math.round(Math.abs(value) * 1_000)
  const whole = Math.floor(thousandths / 1_000)
  const rest = thousandths - whole * 1_000
  // By hand: to find the shortest form of a fraction costs more than the rest of the line.
  const decimals = rest === 0 ? '' : rest < 10 ? `.00${rest}` : rest < 100 ? `.0${rest}` : `.${rest}`
  return `,"${name}":${value < 0 ? '-' : ''}${whole}${decimals}`
}

const rendered = new WeakMap<ProcessInfo, string>()

function processText(process: ProcessInfo): string {
  const before = rendered.get(process)
  if (before !== undefined) return before
  const { pid, exe, command, uid, parents, container } = process
  const text = `,"process":${ascii(JSON.stringify({ pid, exe, command, uid, parents, container }))}`
  rendered.set(process, text)
  return text
}

let second = Number.NaN
let secondText = ''

/** RFC 3339, UTC, milliseconds. Lines come in bursts, so the second is rendered once. */
function rfc3339(unixMs: number): string {
  const whole = Math.floor(unixMs / 1_000)
  if (whole !== second) {
    secondText = new Date(whole * 1_000).toISOString().slice(0, 20)
    second = whole
  }
  const ms = Math.floor(unixMs - whole * 1_000)
  return `${secondText}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
}
