import t from 'tap'
import { program } from '../../../gateway/cli/program.ts'
import { captureIo } from './capture-io.ts'

t.test('attest: wrong usage is exit 2, one line, and nothing that looks like TAP', async t => {
  for (const args of [['--mode', 'loud'], ['--mode'], ['--unknown'], ['target']]) {
    const io = captureIo()
    t.equal(await program(['attest', ...args], io), 2, args.join(' '))
    t.match(io.err(), /^tidegate: attest: .*\n$/)
    t.equal(io.out(), '')
  }
})
