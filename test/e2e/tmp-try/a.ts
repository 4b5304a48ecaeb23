import { openLab } from '../../lab/lab.ts'
import { runBehind, blockPolicy } from '../behind.ts'
await using lab = await openLab({ services: ['origins'] })
const r = await runBehind(lab, { policy: blockPolicy(['h1.acme.test']), timeoutMs: 100000, command: ['sh', '-c', 'for h in 1 2 3 4 5 6 7 8 9 10 11 12; do timeout 60 sh -c "while :; do :; done" & done; for i in $(seq 1 60); do curl -sS -o /dev/null https://h1.acme.test/bytes/10; done; kill %1 %2 %3 %4 %5 %6 %7 %8 %9 %10 %11 %12'] })
const flows = r.lines.filter(l => l.layer !== 'job')
for (const layer of ['dns', 'http']) console.log(layer, flows.filter(l => l.layer === layer).length, 'missing', flows.filter(l => l.layer === layer && !l.process).length)
