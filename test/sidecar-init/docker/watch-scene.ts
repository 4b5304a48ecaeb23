import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { watch } from '../../../sidecar-init/docker/watch.ts'
import { FakeGateway } from './fake-control.ts'
import { FakeEngine } from './fake-engine.ts'

/** A watcher at work, and what it works with. */
export interface Scene {
  readonly engine: FakeEngine
  readonly gateway: FakeGateway
  readonly said: readonly string[]
  /** Waits until something holds. */
  until(what: string, holds: () => boolean): Promise<void>
  /** Waits until engine and gateway were compared twice from now on. */
  compared(): Promise<void>
  isLinked(job?: string): boolean
}

/** Runs a watcher on a fake engine with a gateway's container, and stops it. */
export async function watching(
  prepare: (scene: Scene) => void,
  then: (scene: Scene, t: Test) => Promise<void>,
  t: Test,
): Promise<Scene> {
  const [engine, gateway, said] = [new FakeEngine(), new FakeGateway(), [] as string[]]
  engine.put('gateway', { labels: { 'tidegate.role': 'gateway' }, image: 'sha256:tidegate', state: 'running' })
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    for (let turn = 0; !holds(); turn += 1) {
      if (turn > 5_000)
        throw new Error(`never: ${what}; said ${said.join(' | ')}; calls ${engine.calls.slice(-20).join(' | ')}`)
      await delay(1)
    }
  }
  const passes = (): number => engine.calls.filter(call => call === 'list tidegate.job').length
  const scene: Scene = {
    engine,
    gateway,
    said,
    until,
    async compared() {
      const before = passes()
      await until('it compares', () => passes() >= before + 2)
    },
    isLinked: (job = 'nightly') => gateway.jobs.get(job)?.state === 'proved',
  }
  prepare(scene)
  const stopping = new AbortController()
  const tell = (level: string) => (facts: Readonly<Record<string, unknown>>, message: string) =>
    void said.push(`${level} ${message}${'code' in facts ? ` [${String(facts['code'])}]` : ''}`)
  // Each look at the clock is ten seconds later: whoever waits before he tries again does so at once.
  let clock = 0
  const now = (): number => (clock += 10_000)
  const log = { info: tell('info'), warn: tell('warn'), error: tell('error') }
  const options = { engine, openControl: gateway.openControl, log, now, everyMs: 5 }
  const done = watch(options, stopping.signal)
  try {
    await then(scene, t)
  } finally {
    stopping.abort()
    await done
  }
  t.notOk(
    said.some(line => line.startsWith('error')),
    said.join(' | '),
  )
  return scene
}

export function count(lines: readonly string[], pattern: RegExp): number {
  return lines.filter(line => pattern.test(line)).length
}
