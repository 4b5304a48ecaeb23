/** Writes as many bytes of the lab's pattern to stdout as the argument says. */
import { once } from 'node:events'
import { patternPieces } from '../../lab/origins/pattern.ts'

for (const piece of patternPieces(Number(process.argv[2]))) {
  if (!process.stdout.write(piece)) await once(process.stdout, 'drain')
}
