// Prints what scripts/setup-docker.sh must fetch from npm's registry so that images can be built without it: NAME@VERSION a line.
import { stdout } from 'node:process'
import { isForThisMachine, lockedPackages } from './locked-packages.ts'

const wanted = lockedPackages()
  .filter(isForThisMachine)
  .map(({ name, version }) => `${name}@${version}\n`)
stdout.write([...new Set(wanted)].join(''))
