import t from 'tap'
import type { Change } from '../../../gateway/integrity/change.ts'
import type { Found } from '../../../gateway/integrity/content.ts'
import { HeldChanges } from '../../../gateway/integrity/held-changes.ts'

/** Blob ids: of what is committed, of the next commit, of the beginning of either, and of what is none of these. */
const [first, second, part, evil] = ['1'.repeat(40), '2'.repeat(40), '3'.repeat(40), '4'.repeat(40)]

/** What a source comes to hold; after how many milliseconds, when not after 10; '>': what was there before is its beginning. */
type Step = readonly [content: string | undefined, grown?: '>' | '', afterMs?: number]

interface Story {
  readonly steps: readonly Step[]
  /** What the look that belongs to the new baseline finds; the last step's, if it is left out. */
  readonly found?: Pick<Found, 'id' | 'isGrown'>
  readonly told: readonly string[]
}

const names = new Map<string | undefined, string>([
  [first, 'first'],
  [second, 'second'],
  [part, 'part'],
  [evil, 'evil'],
  [undefined, 'nothing'],
])

/** A file that holds `first`, and then these, while git keeps its lock; at the end a commit becomes the baseline that says what it holds. */
function tell({ steps, found }: Story): readonly string[] {
  let now = 0
  const held = new HeldChanges(() => now, { isIt: () => false, isRunning: () => false })
  let before: string | undefined = first
  for (const [after, grown = '', afterMs = 10] of steps) {
    now += afterMs
    const event: Change['event'] = after === first ? 'restored' : after === undefined ? 'deleted' : 'overwritten'
    held.take({ path: 'a.c', event, before, after, process: undefined, isGrown: grown === '>' })
    before = after
  }
  now += 400
  const right: Found = { id: before, ...found, isRight: true, mark: undefined }
  held.settle(() => right)
  return namesOf(held)
}

function namesOf(held: HeldChanges): readonly string[] {
  const released = held.release(() => true, false)
  return released.map(({ event, before, after }) => `${event} ${names.get(before)} ${names.get(after)}`)
}

const stories: Readonly<Record<string, Story>> = {
  'git writes a file of the next commit': { steps: [[second]], told: [] },
  'it removes it first, and is seen while it writes': { steps: [[undefined], [part, '>'], [second, '>']], told: [] },
  'it takes its time to write another: a filter, a slow disk': {
    steps: [[undefined], [part, '>', 5_000], [second, '>', 5_000]],
    told: [],
  },
  'it writes the same again (git reset --hard)': { steps: [[undefined], [first, '>']], told: [] },
  'and then that of another commit': { steps: [[undefined], [first, '>'], [undefined], [second, '>']], told: [] },
  'only the look at the new baseline sees the rest': {
    steps: [[undefined], [part, '>']],
    found: { id: second, isGrown: true },
    told: [],
  },
  'swapped and put back': { steps: [[evil], [first]], told: ['overwritten first evil', 'restored evil first'] },
  'swapped, and put back as nobody could see': {
    steps: [[evil]],
    found: { id: first },
    told: ['overwritten first evil', 'restored evil first'],
  },
  'swapped, and another is committed': {
    steps: [[evil], [second]],
    told: ['overwritten first evil', 'restored evil second'],
  },
  'swapped, and removed first for that': {
    steps: [[undefined], [evil, '>'], [undefined], [first, '>']],
    told: ['deleted first nothing', 'overwritten nothing evil', 'deleted evil nothing', 'restored nothing first'],
  },
  'removed for as long as a build takes': {
    steps: [[undefined], [first, '>', 300]],
    told: ['deleted first nothing', 'restored nothing first'],
  },
  'cut short for as long as a build takes, before another is committed': {
    steps: [[part], [first, '>', 300], [second]],
    told: ['overwritten first part', 'restored part first', 'restored first second'],
  },
}

for (const [name, story] of Object.entries(stories))
  await t.test(name, async t => t.strictSame(tell(story), story.told))

await t.test('two who wrote before it could be read are told: one has put it back', async t => {
  const held = new HeldChanges(() => 0, { isIt: () => false, isRunning: () => false })
  held.take({ path: 'a.c', event: 'restored', before: undefined, after: first, process: undefined, isGrown: false })
  held.settle(() => ({ id: first, isRight: true, mark: undefined }))
  t.strictSame(namesOf(held), ['restored nothing first'])
})

await t.test('a source that the new commit does not have', async t => {
  for (const [after, told] of [
    [undefined, []],
    [evil, ['overwritten first evil']],
  ] as const) {
    const held = new HeldChanges(() => 0, { isIt: () => false, isRunning: () => false })
    const event = after === undefined ? 'deleted' : 'overwritten'
    held.take({ path: 'a.c', event, before: first, after, process: undefined })
    held.settle(() => undefined)
    t.strictSame(namesOf(held), told)
  }
})

await t.test('what is wrong by the new baseline too stays held', async t => {
  const held = new HeldChanges(() => 0, { isIt: () => false, isRunning: () => false })
  held.take({ path: 'a.c', event: 'overwritten', before: first, after: evil, process: undefined })
  t.strictSame([...held.settle(() => ({ id: evil, isRight: false, mark: undefined }))], ['a.c'])
  t.strictSame(
    held.release(() => true, false),
    [],
  )
  t.equal(held.release(() => true, true).length, 1)
})
