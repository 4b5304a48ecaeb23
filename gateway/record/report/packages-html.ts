import type { Summary } from '../summary-shape.ts'
import { amount, type Markup, markup, section } from './html-markup.ts'
import { packageCounts, refusedPackages } from './packages.ts'
import { number, plural } from './words.ts'

/** What came in from package registries, and what of it the policy did not want. */
export function packages(summary: Summary): Markup {
  const counted = packageCounts(summary).map(({ type, registry, files, kept, ageless }) => [
    type,
    markup`<code>${registry}</code>`,
    amount(number(files)),
    amount(number(kept)),
    amount(number(ageless)),
  ])
  const unwanted = refusedPackages(summary).map(({ purl, verdict, rule = '', count, process }) => [
    markup`<code>${purl}</code>`,
    `${verdict === 'deny' ? 'refused' : 'would be refused'}: ${rule}`,
    plural(count, 'time'),
    process === undefined ? '' : markup`<code>${process}</code>`,
  ])
  const columns = ['kind', 'registry', 'files', 'as promised', 'of unknown age']
  const first = section('Packages', columns, counted, summary.omitted.packages)
  return markup`${first}${section('Packages that are not wanted', ['package', 'why', 'how often', 'by'], unwanted, 0)}`
}
