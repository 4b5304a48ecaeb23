import { ChainChecker, type ChainStatus } from '../../../gateway/record/chain.ts'

/** The chain's verdict on a log's bytes. */
export function checkText(bytes: Buffer | string): ChainStatus {
  const all = Buffer.from(bytes)
  const chain = new ChainChecker()
  let start = 0
  for (let end = all.indexOf(10); end !== -1; end = all.indexOf(10, start)) {
    chain.next(all.subarray(start, end))
    start = end + 1
  }
  return chain.status(all.subarray(start))
}
