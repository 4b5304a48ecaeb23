import t from 'tap'
import { guessAuthority, parseAuthority } from '../../../gateway/http/authority.ts'

/** What has no canonical form, and the place that a careless server may take it for all the same. */
const guesses: readonly (readonly [raw: string, place: object | undefined])[] = [
  ['a.example.com:', { host: 'a.example.com', port: undefined }],
  ['a.example.com:0', { host: 'a.example.com', port: undefined }],
  ['a.example.com:99999', { host: 'a.example.com', port: undefined }],
  ['a.example.com:000443', { host: 'a.example.com', port: 443 }],
  ['a.example.com..', { host: 'a.example.com', port: undefined }],
  ['u:p@A.example.com:8443', { host: 'a.example.com', port: 8443 }],
  ['u@v@a.example.com', { host: 'a.example.com', port: undefined }],
  ['https://a.example.com', { host: 'a.example.com', port: undefined }],
  ['a.example.com/path', { host: 'a.example.com', port: undefined }],
  ['a.example.com\\path', { host: 'a.example.com', port: undefined }],
  ['a.example.com, b.example.com', { host: 'a.example.com', port: undefined }],
  ['[2001:db8::1]x', { host: '2001:db8::1', port: undefined }],
  ['', undefined],
  ['[]', undefined],
  ['a..example.com', undefined],
]
for (const [raw, place] of guesses) {
  t.test(`guessAuthority(): ${JSON.stringify(raw)}`, async t => {
    t.equal(parseAuthority(raw), undefined, 'it has no canonical form')
    t.same(guessAuthority(raw), place)
  })
}

t.test('guessAuthority(): what has a canonical form is that', async t => {
  for (const raw of ['a.example.com', 'A.example.com.:8080', '[2001:db8::1]:443', '203.0.113.9']) {
    t.same(guessAuthority(raw), parseAuthority(raw))
  }
})
