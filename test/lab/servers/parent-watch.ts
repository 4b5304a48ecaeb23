import type { ChildProcess } from 'node:child_process'

/** Pids of the programs this process started and must take with it. */
const children = new Set<ChildProcess>()

/** Ends with its parent: a lab process never outlives the test that opened it. */
export function endWithParent(): void {
  process.on('disconnect', () => {
    for (const child of children) child.kill('SIGKILL')
    process.exit(0)
  })
  // The parent decides: a Ctrl-C in a terminal reaches the whole group.
  process.on('SIGINT', () => {})
}

/** Remembers a started program, to end it with us. */
export function endWithUs(child: ChildProcess): ChildProcess {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}
