import { GatewayError } from '../errors.ts'
import { openChangeMark } from './change-mark.ts'
import { type Run, runOrThrow } from './run.ts'
import { renderRuleset, type RulesetInput } from './ruleset.ts'
import { parseTable, type TableReading } from './table-reading.ts'

/** The packet filter of one job, loaded. Disposing removes the table; do that after the wire is gone. */
export interface PacketTable extends AsyncDisposable {
  /**
   * The table as it is now; listed only when it can read otherwise than at the last look.
   * @throws GatewayError NFT_REJECTED when it cannot be read, as when it is gone.
   */
  read(signal: AbortSignal): Promise<PacketReading>
  /**
   * Replaces the rules in one transaction: there is no moment without them, and what was counted stays. When it fails, the
   * rules are those of before.
   * @throws GatewayError NFT_REJECTED
   */
  replace(change: ChangeableRules, signal: AbortSignal): Promise<void>
}

/** What a table depends on that may change while the job runs. */
export type ChangeableRules = Pick<RulesetInput, 'mode' | 'udpRanges'>

/** A look at a table that we loaded. */
export interface PacketReading extends TableReading {
  /** Are chains, rules and the declarations of sets those that were loaded? */
  readonly intact: boolean
}

/** What was listed last, and at which mark. */
interface Seen {
  readonly mark: string
  readonly reading: TableReading
  /** How often it may stand for a listing still; never when it is the first at its mark, as a packet is marked before it is counted. */
  reuses: number
}

/** Counts also vanish, an hour after their last packet: that has no mark, and is seen after so many looks. */
const mostReuses = 60

/**
 * Loads the table of one job in one transaction. `openMark` is replaced by tests.
 * @throws GatewayError NFT_REJECTED
 */
export async function installTable(
  run: Run,
  input: RulesetInput,
  signal: AbortSignal,
  openMark = openChangeMark,
): Promise<PacketTable> {
  const { table } = input
  const look = async (stop: AbortSignal): Promise<TableReading> => {
    const text = await runOrThrow(run, 'NFT_REJECTED', 'nft', ['-j', 'list', 'table', 'inet', table], { signal: stop })
    const reading = parseTable(text)
    if (reading !== undefined) return reading
    throw new GatewayError('NFT_REJECTED', 'nft printed a listing that cannot be read', { details: { table } })
  }
  // One after the other: a look in the middle of a change would take our own hand for somebody else's.
  let before: Promise<unknown> = Promise.resolve()
  const inTurn = <Result>(action: () => Promise<Result>): Promise<Result> => {
    const result = before.then(action)
    before = Promise.allSettled([result])
    return result
  }
  const mark = openMark(input.device)
  let last: Seen | undefined
  const lookAgain = async (stop: AbortSignal): Promise<TableReading> => {
    const now = mark.read()
    const isSame = now !== undefined && now === last?.mark
    if (isSame && last !== undefined && last.reuses > 0) {
      last.reuses -= 1
      return last.reading
    }
    const reading = await look(stop)
    last = now === undefined ? undefined : { mark: now, reading, reuses: isSame ? mostReuses : 0 }
    return reading
  }
  try {
    // A program that is stopped may have done its work already.
    await nft(run, renderRuleset(input), signal)
    let { digest } = await look(signal)
    return {
      read: stop =>
        inTurn(async () => {
          const reading = await lookAgain(stop)
          return { ...reading, intact: reading.digest === digest }
        }),
      replace: (change, stop) =>
        inTurn(async () => {
          await nft(run, renderRuleset({ ...input, ...change }, 'keep'), stop)
          digest = (await look(stop)).digest
        }),
      async [Symbol.asyncDispose]() {
        mark[Symbol.dispose]()
        await removeTable(run, table)
      },
    }
  } catch (cause) {
    mark[Symbol.dispose]()
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
