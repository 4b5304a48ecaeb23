import t from 'tap'
import { outerEnvironment } from '../../../gateway/cli/outer-environment.ts'

t.test("outerEnvironment(): what was kept from the gateway's own Node is back under its name", async t => {
  const own = { PATH: '/bin', TIDEGATE_ASIDE_NODE_OPTIONS: '--require ./x', TIDEGATE_ASIDE: 'a', 'npm_config_//x': '' }
  t.strictSame(outerEnvironment(own), {
    PATH: '/bin',
    NODE_OPTIONS: '--require ./x',
    TIDEGATE_ASIDE: 'a',
    'npm_config_//x': '',
  })
})
