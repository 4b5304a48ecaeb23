import t from 'tap'
import { outerEnvironment } from '../../../gateway/cli/outer-environment.ts'
import { parseOuterProcess } from '../../../gateway/cli/outer-process.ts'

t.test("outerEnvironment(): what was kept from the gateway's own Node is back under its name", async t => {
  const own = {
    PATH: '/bin',
    TIDEGATE_ASIDE_NODE_OPTIONS: '--require ./x',
    TIDEGATE_ASIDE: 'a',
    'npm_config_//x': '',
    TIDEGATE_OUTER: '1024',
  }
  t.strictSame(outerEnvironment(own), {
    PATH: '/bin',
    NODE_OPTIONS: '--require ./x',
    TIDEGATE_ASIDE: 'a',
    'npm_config_//x': '',
  })
})

t.test('parseOuterProcess(): the limit and the signals that bin/start.sh tells', async t => {
  t.strictSame(parseOuterProcess('1024'), { openFiles: 1024, ignored: [] })
  t.strictSame(parseOuterProcess('1024\nSIGINT\nSIGHUP\nSIGKILL'), { openFiles: 1024, ignored: ['SIGHUP', 'SIGINT'] })
  for (const text of [undefined, '', 'unlimited', '-1', '1e9', '12 SIGHUP', 'SIGHUP']) {
    t.strictSame(parseOuterProcess(text), { openFiles: undefined, ignored: [] }, String(text))
  }
})
