import { GatewayError } from '../errors.ts'
import type { Address } from '../net/address.ts'
import type { Port } from '../net/port.ts'
import { type Run, runOrThrow } from './run.ts'
import { renderRuleset, type RulesetInput, udpSet } from './ruleset.ts'
import { parseTable, type TableReading } from './table-reading.ts'

/** The packet filter of one job, loaded. Disposing removes the table; do that after the wire is gone. */
export interface PacketTable extends AsyncDisposable {
  /**
   * Admits UDP of the job to one destination. Done before the DNS answer leaves, so that the first datagram passes.
   * @throws GatewayError NFT_REJECTED
   */
  allowUdp(address: Address, port: Port, signal: AbortSignal): Promise<void>
  /** Counts and digest as they are now. @throws GatewayError NFT_REJECTED when the table cannot be read, as when it is gone. */
  read(signal: AbortSignal): Promise<TableReading>
  /** Digest as it was just after loading: another one means that somebody changed the rules. */
  readonly digest: string
}

/**
 * Loads the table of one job in one transaction.
 * @throws GatewayError NFT_REJECTED
 */
export async function installTable(run: Run, input: RulesetInput, signal: AbortSignal): Promise<PacketTable> {
  const { table } = input
  const read = async (stop: AbortSignal): Promise<TableReading> => {
    const text = await runOrThrow(run, 'NFT_REJECTED', 'nft', ['-j', 'list', 'table', 'inet', table], { signal: stop })
    const reading = parseTable(text)
    if (reading !== undefined) return reading
    throw new GatewayError('NFT_REJECTED', 'nft printed a listing that cannot be read', { details: { table } })
  }
  const admitted = new Map<string, Promise<void>>()
  try {
    // A program that is stopped may have done its work already.
    await nft(run, renderRuleset(input), signal)
    const { digest } = await read(signal)
    return {
      digest,
      read,
      allowUdp(address, port, stop) {
        const key = `${address} . ${port}`
        const known = admitted.get(key)
        if (known !== undefined) return known
        const adding = nft(run, `add element inet ${table} ${udpSet} { ${key} }\n`, stop)
        admitted.set(key, adding)
        adding.catch(() => admitted.delete(key))
        return adding
      },
      [Symbol.asyncDispose]: () => removeTable(run, table),
    }
  } catch (cause) {
    await removeTable(run, table)
    throw cause
  }
}

/** Removes a table; that it is already gone is no failure. @throws GatewayError NFT_REJECTED */
export async function removeTable(run: Run, table: string): Promise<void> {
  // Declaring it first makes the deletion hold whether it exists or not, in one transaction.
  await nft(run, `table inet ${table}\ndelete table inet ${table}\n`, AbortSignal.timeout(5_000))
}

async function nft(run: Run, input: string, signal: AbortSignal): Promise<void> {
  await runOrThrow(run, 'NFT_REJECTED', 'nft', ['-f', '-'], { input, signal })
}
