import { unreachable } from '../errors.ts'
import type { Anomaly } from './compare.ts'
import type { Deed, Row } from './lock.ts'
import { placeText, rowPlace } from './render.ts'

/** Deeds as they follow a subject. */
const doing: Readonly<Record<Deed, string>> = {
  read: 'reads from',
  write: 'sends to',
  connect: 'connects to',
  ask: 'asks for the name of',
}

const done: Readonly<Record<Deed, string>> = {
  read: 'read from',
  write: 'sent to',
  connect: 'connected to unread',
  ask: 'asked for',
}

/** Deeds without their place, for lists. */
const deedText: Readonly<Record<Deed, string>> = {
  read: 'read',
  write: 'sent to',
  connect: 'connected to, unread',
  ask: 'only looked up',
}

/** A row on one line: `npm.acme.example:443 read by /usr/bin/node`. */
export function rowText(row: Row): string {
  const by = row.by === undefined ? '' : ` by ${row.by}`
  return `${rowPlace(row)} ${deedText[row.does]}${by}`
}

/** What is odd, in one sentence without an end. */
export function anomalyText({ kind, near, known, sighting }: Anomaly): string {
  const { does, by, port } = sighting
  const place = placeText(sighting)
  const subject = by ?? 'the job'
  switch (kind) {
    case 'near-host':
      return `${subject} ${doing[does]} ${place}, ${near?.how ?? 'like'} ${near?.known ?? 'a known host'}, which the baseline knows: it may be meant to be taken for it`
    case 'new-host':
      if (port !== undefined && known.length > 0)
        return `${subject} ${doing[does]} ${place}: the baseline knows the host, at ${listText(known.map(rowPlace))}, and not at this port`
      return `${subject} ${doing[does]} ${place}, a host that the baseline does not know`
    case 'new-process':
      return `${subject} ${doing[does]} ${place}, which only ${listText(known.map(row => row.by ?? 'others'))} did before`
    case 'new-upload':
      return `${subject} sends to ${place}, which has only been ${done.read} before${isNewProcess(known, by) ? ', and by others' : ''}`
    case 'new-method':
      return `${subject} ${doing[does]} ${place}, which has only been ${listText(known.map(row => done[row.does]))} before`
    default:
      return unreachable(kind)
  }
}

function isNewProcess(known: readonly Row[], by: string | undefined): boolean {
  return by !== undefined && known.every(row => row.by !== undefined && row.by !== by)
}

/** At most three of a list, each once. */
function listText(all: readonly string[]): string {
  const each = [...new Set(all)].toSorted()
  const shown = each.slice(0, 3).join(', ')
  return each.length > 3 ? `${shown} and ${each.length - 3} more` : shown
}
