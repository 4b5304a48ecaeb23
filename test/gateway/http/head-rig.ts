import { readRequestHead, readResponseHead } from '../../../gateway/http/head.ts'

const bounds = { maxHead: 4_096, maxLine: 1_024, maxFields: 16 }

/** What is read of a request's head, one character an octet. */
export function request(text: string): ReturnType<typeof readRequestHead> {
  return readRequestHead(Buffer.from(text, 'latin1'), bounds)
}

/** What is read of an answer's head, one character an octet. */
export function response(text: string): ReturnType<typeof readResponseHead> {
  return readResponseHead(Buffer.from(text, 'latin1'), bounds)
}

/** The one field that a request must have. */
export const h = 'Host: api.example.test\r\n'
