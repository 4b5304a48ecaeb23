import { parentPort, workerData } from 'node:worker_threads'
import { Engine } from './engine.ts'
import type { Asked, Told, WatchOptions } from './messages.ts'
import { confineTo, octetPath } from './plain-file.ts'
import { openWatching } from './watching.ts'

// The thread that watches the sources: it may block, and what it costs is not paid by the job's network.

const port = parentPort
if (port === null) throw new Error('this file is started as a thread')
const options: WatchOptions = workerData
const tell = (told: Told): void => port.postMessage(told)
const asked: Asked[] = []

if (options.isConfined) confineTo(octetPath(options.workspace))
await using watching = openWatching(options, text => tell({ tell: 'warning', text }))
port.on('message', (message: Asked) => {
  asked.push(message)
  watching.wake()
})
const engine = new Engine(options, watching, tell)
await engine.start()
tell({ tell: 'ready' })
let isOver = false
while (!isOver) {
  await engine.step()
  // One at a time: whoever asks and asks must not keep us from looking.
  const message = asked.shift()
  if (message?.do === 'finish') isOver = true
  else if (message !== undefined)
    tell({ tell: 'answer', ask: message.ask, answer: await engine.checkpoint(message.folder) })
}
await engine.finish()
tell({ tell: 'finished' })
port.close()
