import t from 'tap'
import { parseHosts } from '../../../gateway/net/hosts-file.ts'

const text = `# the machine's own
127.0.0.1 localhost
::1       localhost ip6-localhost
ff02::1   ip6-allnodes
127.0.0.1 app.local # a name for what is tested
0.0.0.0   ads.example.com
192.0.2.10  build1.acme.test build1
10.1.2.3\tNexus.acme.test. nexus\r
2001:db8::3 nexus.acme.test
300.1.1.1 wrong.test
10.1.2.4 10.1.2.5 no_name..test
10.1.2.6
`

t.test('parseHosts(): names of other machines are for who resolves', async t => {
  const { others } = parseHosts(text, 'build1')
  t.strictSame(
    [...others],
    [
      ['build1.acme.test', ['192.0.2.10']],
      ['build1', ['192.0.2.10']],
      ['nexus.acme.test', ['10.1.2.3', '2001:db8::3']],
      ['nexus', ['10.1.2.3']],
    ],
  )
})

t.test('parseHosts(): what leads to the job itself or nowhere is for the job', async t => {
  t.equal(
    parseHosts(text, 'build1').own,
    [
      '127.0.0.1 localhost',
      '::1 localhost ip6-localhost',
      'ff02::1 ip6-allnodes',
      '127.0.0.1 app.local',
      '0.0.0.0 ads.example.com',
      '127.0.1.1 build1.acme.test build1',
      '',
    ].join('\n'),
  )
  t.strictSame([...parseHosts('127.0.0.1 localhost\n', 'x').others], [])
})
