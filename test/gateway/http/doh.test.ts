import t from 'tap'
import { asksForDns } from '../../../gateway/http/doh.ts'
import { query } from '../dns/client.ts'

const dns = query('a.example.com', 1).toString('base64url')
const cases: readonly (readonly [target: string, asks: boolean])[] = [
  ['/dns-query', true],
  ['/dns-query/', true],
  ['/dns-query/client-1', true],
  ['/v1/DNS-QUERY', true],
  ['/dns-query;x=y', true],
  ['//dns-query', true],
  ['/v1//dns-query//', true],
  ['/v1%2Fdns-query', true],
  ['/dns-query/a/b', false],
  ['/dns-queryx', false],
  [`/any?a=b&dns=${dns}`, true],
  [`/any?a=b&d%6es=${dns}`, true],
  ['/any?dns=example.com', false],
  ['/resolve?name=a.example.com&type=TXT', true],
  ['/resolve?name=a.example.com', true],
  ['/resolve?name=a.example.com&cd=1&random_padding=x', true],
  ['/resolve?name=a&type=1', true],
  // A package, a file, a service of somebody else.
  ['/resolve?name=left-pad', false],
  ['/resolve?name=left.pad&version=1', false],
  ['/resolve?path=a.example.com', false],
  ['/resolve', false],
  ['/search?name=a.example.com&type=A', false],
]
for (const [target, asks] of cases) {
  t.test(`asksForDns(): ${target} ${asks ? 'is' : 'is not'} a question for DNS (D2)`, async t => {
    t.equal(asksForDns(target.split('?', 1)[0] ?? '', target), asks)
  })
}
