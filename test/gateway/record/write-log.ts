import type { FlowEvent } from '../../../gateway/record/event.ts'
import { JobLog } from '../../../gateway/record/job-log.ts'
import { redactEvent } from '../../../gateway/record/redact.ts'
import { fakeLogFile } from './fake-log-file.ts'

export const noTotals = { allow: 0, observe: 0, deny: 0, bytesSent: 0, bytesReceived: 0 }

/** The text of a sealed log of these events. */
export async function writeLog(events: readonly FlowEvent[], job = 'job'): Promise<string> {
  const file = fakeLogFile()
  const observer = {
    written: () => undefined,
    failed: (error: Error): void => {
      throw error
    },
  }
  const log = new JobLog({ file, job, now: () => 0, observer, paceMs: 0 })
  for (const event of events) log.write(redactEvent(event))
  await log.seal(noTotals)
  return file.text()
}
