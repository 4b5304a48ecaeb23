import { closeSync, readFileSync } from 'node:fs'
import { GatewayError } from '../errors.ts'
import { call, must } from './libc.ts'

// include/linux/socket.h, include/uapi/linux/netlink.h
const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const NETLINK_NETFILTER = 12
const NLM_F_REQUEST = 1
const MSG_DONTWAIT = 0x40
// include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h: the subsystem in the upper byte of a message's type
const NFNL_SUBSYS_NFTABLES = 10 << 8
const NFT_MSG_NEWGEN = NFNL_SUBSYS_NFTABLES | 15
const NFT_MSG_GETGEN = NFNL_SUBSYS_NFTABLES | 16
const NFTA_GEN_ID = 1

/** struct nlmsghdr (16 bytes) and struct nfgenmsg (4). */
const heads = 20

/** Tells whether the table of a wire could read otherwise than before. */
export interface ChangeMark extends Disposable {
  /**
   * Rules change with the generation of this network namespace's rules, which each transaction of anybody moves on; counts change with
   * the packets that the device has received. So a listing is as the last one while this is. Undefined when it cannot be told.
   * Takes some microseconds.
   */
  read(): string | undefined
}

/** Opens the mark of a wire by its device, in the network namespace that this thread is in. Never throws: without it, nothing can be told. */
export function openChangeMark(device: string): ChangeMark {
  const fd = openNetfilter()
  let isOpen = fd !== undefined
  let asked = 0
  return {
    read() {
      if (fd === undefined || !isOpen) return undefined
      asked = (asked + 1) >>> 0
      const generation = readGeneration(fd, asked)
      const received = receivedBy(device)
      return generation === undefined || received === undefined ? undefined : `${generation}:${received}`
    },
    [Symbol.dispose]() {
      if (fd !== undefined && isOpen) closeSync(fd)
      isOpen = false
    },
  }
}

function openNetfilter(): number | undefined {
  try {
    return must('ask for rules', 'socket', AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER)
  } catch (cause) {
    if (cause instanceof GatewayError) return undefined
    throw cause
  }
}

/** The kernel has queued its answer before `send` returns (nfnetlink_rcv). One to an earlier question would be a generation that is over. */
function readGeneration(fd: number, sequence: number): number | undefined {
  const question = Buffer.alloc(heads)
  question.writeUInt32LE(heads, 0)
  question.writeUInt16LE(NFT_MSG_GETGEN, 4)
  question.writeUInt16LE(NLM_F_REQUEST, 6)
  question.writeUInt32LE(sequence, 8)
  if ('errno' in call('send', fd, question, question.length, 0)) return undefined
  const answer = Buffer.alloc(512)
  const outcome = call('recv', fd, answer, answer.length, MSG_DONTWAIT)
  return 'errno' in outcome ? undefined : generationIn(answer.subarray(0, outcome.value), sequence)
}

/** The generation in the kernel's answer to the question of that sequence number; undefined when it is another one, or an error. Pure. */
export function generationIn(answer: Buffer, sequence: number): number | undefined {
  if (answer.length < heads || answer.readUInt16LE(4) !== NFT_MSG_NEWGEN) return undefined
  if (answer.readUInt32LE(8) !== sequence) return undefined
  // struct nlattr: length and type, in the machine's order; then the value, in the network's, padded to four bytes.
  for (let at = heads; at + 4 <= answer.length;) {
    const length = answer.readUInt16LE(at)
    if (answer.readUInt16LE(at + 2) === NFTA_GEN_ID && length === 8 && at + 8 <= answer.length)
      return answer.readUInt32BE(at + 4)
    at += Math.max(4, (length + 3) & ~3)
  }
  return undefined
}

/** Packets, as the kernel prints them; `absent` while there is no such device, undefined when the kernel cannot be asked (EMFILE). */
function receivedBy(device: string): string | undefined {
  let text: string
  try {
    text = readFileSync('/proc/thread-self/net/dev', 'latin1')
  } catch {
    return undefined
  }
  const name = `${device}:`
  const line = text.split('\n').find(each => each.trimStart().startsWith(name))
  // Behind the name: bytes received, packets received.
  return line === undefined ? 'absent' : line.trimStart().slice(name.length).trim().split(/\s+/)[1]
}
