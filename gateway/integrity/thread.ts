import { Worker } from 'node:worker_threads'
import type { CheckpointAnswer } from '../control/source-requests.ts'
import type { Asked, Told, WatchOptions } from './messages.ts'

/** The watching thread, as the gateway sees it. */
export interface WatchThread {
  /** Fulfilled when the baseline of what was there is taken, or the thread has ended. */
  readonly ready: Promise<void>
  checkpoint(folder: string | undefined): Promise<CheckpointAnswer>
  /** Fulfilled when everything is told, and the thread gone. */
  finish(): Promise<void>
}

/** Bounds of the thread's own memory: a job must not fill the gateway's. */
const mostMegabytes = 512
const checkpointMs = 60_000

/** Told of everything the thread says, and once with why, should it end before it was asked to. */
export interface WatchListener {
  told(told: Exclude<Told, { tell: 'ready' | 'answer' | 'finished' }>): void
  broken(why: string): void
}

/**
 * Starts the thread. It never throws into the gateway: whatever happens to it is told to the listener. `finishMs`: what the
 * comparison at the end may take.
 */
export function startThread(options: WatchOptions, listener: WatchListener, finishMs: number): WatchThread {
  const worker = new Worker(new URL('watch-thread.ts', import.meta.url), {
    workerData: options,
    // Its descriptors are opened by the C library as well, which Node would take for strangers.
    trackUnmanagedFds: false,
    resourceLimits: { maxOldGenerationSizeMb: mostMegabytes },
  })
  const ready = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const answers = new Map<number, (answer: CheckpointAnswer) => void>()
  let asked = 0
  let isFinished = false
  let isBroken = false
  const fail = (why: string): void => {
    if (isFinished || isBroken) return
    isBroken = true
    listener.broken(why)
  }
  worker.on('message', (told: Told) => {
    if (told.tell === 'ready') ready.resolve()
    else if (told.tell === 'finished') isFinished = true
    else if (told.tell === 'answer') {
      answers.get(told.ask)?.(told.answer)
      answers.delete(told.ask)
    } else listener.told(told)
  })
  worker.on('error', cause => fail(cause instanceof Error ? cause.message : String(cause)))
  worker.once('exit', () => {
    fail('its thread ended')
    ready.resolve()
    ended.resolve()
    for (const answer of answers.values()) answer({ ok: false, error: 'the sources are not watched any more' })
    answers.clear()
  })
  const ask = (message: Asked): void => worker.postMessage(message, [])
  return {
    ready: ready.promise,
    checkpoint(folder) {
      asked += 1
      const own = asked
      const { promise, resolve } = Promise.withResolvers<CheckpointAnswer>()
      if (isBroken) return Promise.resolve({ ok: false, error: 'the sources are not watched any more' })
      answers.set(own, resolve)
      const timer = setTimeout(() => {
        answers.delete(own)
        resolve({ ok: false, error: 'reading the sources takes too long; it goes on' })
      }, checkpointMs)
      ask({ do: 'checkpoint', ask: own, folder })
      return promise.finally(() => clearTimeout(timer))
    },
    async finish() {
      ask({ do: 'finish' })
      const timer = setTimeout(() => {
        fail('the comparison at the end took too long')
        void worker.terminate()
      }, finishMs)
      await ended.promise
      clearTimeout(timer)
    },
  }
}
