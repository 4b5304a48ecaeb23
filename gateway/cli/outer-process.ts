/** Where bin/start.sh tells what Node changes of its own process before any code of ours runs. */
export const outerVariable = 'TIDEGATE_OUTER'

const signals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const

/** What our caller had set, for the programs that we start to have it as from a shell. */
export interface OuterProcess {
  /** Soft limit on open files. Node raises its own as far as it may, and programs that close all they could have take minutes then. */
  readonly openFiles: number | undefined
  /** Signals that the caller has told us to ignore (`nohup`); Node forgets that. */
  readonly ignored: readonly (typeof signals)[number][]
}

/** Reads what bin/start.sh tells: the limit, and each signal, on a line of its own. Of what is not there nothing is known. Pure. */
export function parseOuterProcess(text: string | undefined): OuterProcess {
  const [files = '', ...names] = (text ?? '').split('\n')
  return {
    openFiles: /^\d{1,10}$/.test(files) ? Number(files) : undefined,
    ignored: signals.filter(name => names.includes(name)),
  }
}
