import { existsSync } from 'node:fs'
import t from 'tap'
import { sweepGone } from '../../../gateway/packet/gone-namespaces.ts'
import { claimSlot, stateDirectory } from '../../../gateway/packet/slots.ts'

t.test('sweepGone(): only namespaces that are gone are forgotten', async t => {
  const root = t.testdir({
    4026000001: { '0a0b': '{}', '0a0c': '{}' },
    4026000002: { '0001': '{}' },
    4026000003: {},
    4026000004: { strange: '' },
    other: { '0001': '{}' },
  })
  const removed: string[] = []
  const remove = async (name: string): Promise<void> => {
    t.ok(existsSync(`${root}/${name.replace('-', '/')}`), 'it is known until all of it is gone')
    removed.push(name)
  }
  await sweepGone(root, remove, inode => inode === 4_026_000_002)
  t.strictSame(removed, ['4026000001-0a0b', '4026000001-0a0c'])
  t.notOk(existsSync(`${root}/4026000001`))
  t.ok(existsSync(`${root}/4026000002/0001`))
  t.notOk(existsSync(`${root}/4026000003`))
  t.ok(existsSync(`${root}/4026000004/strange`), 'what is not ours stays')
  t.ok(existsSync(`${root}/other/0001`))
})

t.test('sweepGone(): the namespace we are in is there', async t => {
  const root = t.testdir()
  const state = stateDirectory(root)
  const slot = claimSlot(state, 5)
  const remove = async (name: string): Promise<void> => void t.fail(name)
  await sweepGone(root, remove)
  t.ok(existsSync(`${state}/0005`))
  slot[Symbol.dispose]()
  t.notOk(existsSync(state), 'the last one removes the folder')
  await sweepGone('/nonexistent', remove)
})
