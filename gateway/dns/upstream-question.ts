import type { Hostname } from '../net/hostname.ts'
import { lowerCase, readUint16, writeName } from './name.ts'
import { recordType } from './record-type.ts'
import { ownUdpBytes } from './reply.ts'
import { headerBytes } from './wire.ts'

/** A question of our own to a resolver, built from the canonical name: nothing of the client's bytes is in it. */
export interface UpstreamQuestion {
  readonly host: Hostname
  readonly type: number
  /** The message with id 0; `withId()` makes the copy that is sent. */
  readonly message: Buffer
  /** Offset of the first byte after the question; the OPT record follows. */
  readonly questionEnd: number
}

const opt = Buffer.from([0, 0, recordType.opt, ownUdpBytes >> 8, ownUdpBytes & 0xff, 0, 0, 0, 0, 0, 0])

/** Builds the question: RD set, class IN, EDNS version 0 without options. */
export function renderQuestion(host: Hostname, type: number): UpstreamQuestion {
  const questionEnd = headerBytes + host.length + 2 + 4
  const message = Buffer.allocUnsafe(questionEnd + opt.length)
  for (let index = 0; index < headerBytes; index++) message[index] = 0
  message[2] = 1
  message[5] = 1
  message[11] = 1
  const nameEnd = writeName(host, message, headerBytes)
  message[nameEnd] = type >> 8
  message[nameEnd + 1] = type & 0xff
  message[nameEnd + 2] = 0
  message[nameEnd + 3] = 1
  message.set(opt, questionEnd)
  return { host, type, message, questionEnd }
}

/** The bytes to send under `id` (0 to 65535); without the OPT record for servers older than EDNS. */
export function withId(question: UpstreamQuestion, id: number, edns: boolean): Buffer {
  const length = edns ? question.message.length : question.questionEnd
  const message = Buffer.allocUnsafe(length)
  question.message.copy(message, 0, 0, length)
  message[0] = id >> 8
  message[1] = id & 0xff
  if (!edns) message[11] = 0
  return message
}

/** Whether `message` is an answer to this very question: QR, opcode, one question, and its bytes (case aside, RFC 4343). */
export function answersQuestion(message: Buffer, question: UpstreamQuestion): boolean {
  const { questionEnd } = question
  if (message.length < questionEnd || ((message[2] ?? 0) & 0xf8) !== 0x80 || readUint16(message, 4) !== 1) return false
  for (let index = headerBytes; index < questionEnd; index++) {
    if (lowerCase(message[index] ?? 0) !== lowerCase(question.message[index] ?? 0)) return false
  }
  return true
}
