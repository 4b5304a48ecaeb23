import { domainToASCII } from 'node:url'
import fc from 'fast-check'
import t from 'tap'
import { isOneEdit, NearHosts } from '../../../gateway/baseline/near-host.ts'

const near: readonly (readonly [sentence: string, host: string, known: string])[] = [
  ['a letter is missing', 'registry.npmjs.og', 'registry.npmjs.org'],
  ['a letter is doubled', 'registry.npmjss.org', 'registry.npmjs.org'],
  ['a letter is another', 'registry.npmks.org', 'registry.npmjs.org'],
  ['two letters changed places', 'api.gihtub.com', 'api.github.com'],
  ['a digit for a letter', 'api.g1thub.com', 'api.github.com'],
  ['two digits for letters', 'acme-t001s.example', 'acme-tools.example'],
  ['rn for m', 'api.acrne-tools.example', 'api.acme-tools.example'],
  ['a Cyrillic letter', domainToASCII('api.githuЬ.com'), 'api.github.com'],
  ['accents', domainToASCII('api.gíthüb.com'), 'api.github.com'],
  ['labels in another order', 'github.api.com', 'api.github.com'],
  ['a hyphen for a dot', 'files-pythonhosted.org', 'files.pythonhosted.org'],
  ['a known name in front of a foreign one', 'registry.npmjs.org.evil.test', 'registry.npmjs.org'],
  [
    'a bucket of this name in another account',
    'images.0badf00d.r2.cloudflarestorage.com',
    'images.0123abcd.r2.cloudflarestorage.com',
  ],
  ['a bucket of nearly this name', 'acme-bui1d.s3.amazonaws.com', 'acme-build.s3.amazonaws.com'],
]
for (const [sentence, host, known] of near) {
  t.test(`NearHosts: ${sentence}`, async t => {
    t.match(new NearHosts(['else.example.com', known]).find(host), { known })
  })
}

const far: readonly (readonly [sentence: string, host: string, known: string])[] = [
  ['the same', 'api.github.com', 'api.github.com'],
  ['a sibling of the same owner', 'cdn2.acme.example', 'cdn1.acme.example'],
  ['another name of the same owner', 'apis.github.com', 'api.github.com'],
  ['short names are near each other by chance', 'a.abc.test', 'a.abd.test'],
  ['another name', 'collector.evil.test', 'registry.npmjs.org'],
  ['another account where each is an account', 'evil.blob.core.windows.net', 'acme.blob.core.windows.net'],
  ['an address', '192.0.2.1', '192.0.2.2'],
  ['a bare label', 'localhost', 'localhos'],
]
for (const [sentence, host, known] of far) {
  t.test(`NearHosts: not ${sentence}`, async t => {
    t.equal(new NearHosts([known]).find(host), undefined)
  })
}

t.test('isOneEdit(): one change of any text is one, and both ways', async t => {
  const text = fc.string({ minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(
      text,
      fc.nat(),
      fc.constantFrom('drop', 'add', 'change', 'swap'),
      fc.constantFrom('q', '.', '0'),
      (word, at, how, letter) => {
        const place = at % word.length
        const [head, first = '', second = '', tail] = [
          word.slice(0, place),
          word[place],
          word[place + 1],
          word.slice(place + 2),
        ]
        const other = {
          drop: head + second + tail,
          add: head + letter + first + second + tail,
          change: head + letter + second + tail,
          swap: head + second + first + tail,
        }[how]
        return other === word || (isOneEdit(word, other) && isOneEdit(other, word))
      },
    ),
  )
  t.notOk(isOneEdit('same', 'same'))
  t.notOk(isOneEdit('abcd', 'abyz'))
  t.notOk(isOneEdit('abcd', 'ab'))
})
