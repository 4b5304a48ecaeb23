import fc from 'fast-check'
import t from 'tap'
import { type Entry, iniEntries, jsonEntries, liesAt, yamlEntries } from '../../../../gateway/policy/detect/entry.ts'
import { Unreadable } from '../../../../gateway/policy/detect/finding.ts'
import { tomlEntries } from '../../../../gateway/policy/detect/toml.ts'
import { xmlElements } from '../../../../gateway/policy/detect/xml.ts'

const readers = { jsonEntries, yamlEntries, iniEntries, tomlEntries, xmlElements }

function shown(entries: readonly Entry[]): readonly string[] {
  return entries.map(({ path, value, line }) => `${line} ${path.join('.')}=${value}`)
}

t.test('tomlEntries(): reads every kind of string, key and table', async t => {
  const text = `# a comment with "quotes" and [brackets]
title = "a # no comment" # a comment
'quoted key' = 'C:\\path'
a.b."c.d" = "dotted"
number = 1_000
date = 2026-01-01 00:00:00Z
truth = true
list = [
  "one", # first
  'two',
  [ "three" ],
]
inline = { url = "u", nested = { git = "g" }, n = 1 }
long = """
line one
line "two" \\
"""

[table . sub]
key = "in table"

[[many]]
name = "first"
[[many]]
name = "second"
[many.below]
key = "of second"
`
  t.strictSame(shown(tomlEntries(text)), [
    '2 title=a # no comment',
    String.raw`3 quoted key=C:\path`,
    '4 a.b.c.d=dotted',
    '9 list.0=one',
    '10 list.1=two',
    '11 list.2.0=three',
    '13 inline.url=u',
    '13 inline.nested.git=g',
    '14 long=\nline one\nline "two" \\\n',
    '20 table.sub.key=in table',
    '23 many.0.name=first',
    '25 many.1.name=second',
    '27 many.1.below.key=of second',
  ])
})

t.test('xmlElements(): reads text, attributes, CDATA and lines, and expands nothing', async t => {
  const text = `<?xml version="1.0"?>
<!DOCTYPE a [ <!ENTITY boom "BOOM"> ]>
<n:a>
  <!-- <b>no</b> -->
  <b key="1 &amp; 2" other='"'>x &#65;&lt;&boom;</b>
  <c><![CDATA[<raw>]]></c><d/>
</n:a>`
  const elements = xmlElements(text).map(({ path, text: inner, attributes, line }) => [
    line,
    path.join('/'),
    inner,
    attributes,
  ])
  t.strictSame(elements, [
    [3, 'a', '', {}],
    [5, 'a/b', 'x A<&boom;', { key: '1 & 2', other: '"' }],
    [6, 'a/c', '<raw>', {}],
    [6, 'a/d', '', {}],
  ])
})

t.test('iniEntries(): reads sections, quoted names and values of several lines', async t => {
  const text =
    '; no\n[global]\nindex-url = https://a.test/\nextra =\n  one\n  two\n[remote "or.igin"]\n\turl = "b"\n\tfetch = c\n'
  t.strictSame(shown(iniEntries(text)), [
    '3 global.index-url=https://a.test/',
    '5 global.extra=one',
    '6 global.extra=two',
    '8 remote.or.igin.url=b',
    '9 remote.or.igin.fetch=c',
  ])
})

t.test('yamlEntries(): reads all documents and follows no alias', async t => {
  t.strictSame(shown(yamlEntries('a: &x [1, two]\nb: *x\n---\nc:\n  d: |\n    text\n')), [
    '1 a.0=1',
    '1 a.1=two',
    '5 c.d=text\n',
  ])
})

t.test('jsonEntries(): gives each text its own line, also equal ones', async t => {
  t.strictSame(shown(jsonEntries('{\n "a": "x",\n "b": ["x",\n "y"], "c": 1 }')), ['2 a=x', '3 b.0=x', '4 b.1=y'])
})

t.test('liesAt(): * is one segment and a last ** any rest', async t => {
  const entry: Entry = { path: ['a', 'b.c', 'd'], value: '', line: 1 }
  t.ok(liesAt(entry, 'a.*.d'))
  t.ok(liesAt(entry, 'a.**'))
  t.notOk(liesAt(entry, 'a.*'))
  t.notOk(liesAt(entry, 'a.b.c.d'))
})

const bombs: readonly [string, string][] = [
  ['deep JSON', '['.repeat(100_000) + ']'.repeat(100_000)],
  ['deep TOML', `a = ${'['.repeat(100_000)}`],
  ['deep YAML', '['.repeat(20_000)],
  ['deep XML', '<a>'.repeat(100_000)],
  ['one endless XML name', `<${'a'.repeat(1_000_000)}`],
  ['one endless attribute', `<a b="${'c'.repeat(1_000_000)}`],
  [
    'a YAML alias bomb',
    `a: &a [x,x]\n${Array.from({ length: 30 }, (_, index) => `b${index}: &b${index} [*${index === 0 ? 'a' : `b${index - 1}`},*${index === 0 ? 'a' : `b${index - 1}`}]`).join('\n')}`,
  ],
]
for (const [name, text] of bombs) {
  t.test(`readers: end soon with entries or Unreadable, when fed ${name}`, async t => {
    const started = performance.now()
    for (const read of Object.values(readers)) {
      try {
        read(text)
      } catch (error) {
        if (!(error instanceof Unreadable)) t.fail(`${read.name} threw ${String(error)}`)
      }
    }
    t.ok(performance.now() - started < 10_000)
  })
}

t.test('readers: never throw anything but Unreadable, and quote nothing of the file', async t => {
  const piece = fc.constantFrom(
    'SECRET',
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    '<',
    '>',
    '</',
    '/>',
    '=',
    ':',
    '-',
    '#',
    '\n',
    ' ',
    '\\',
    '&',
    '*',
    '!',
    '|',
    '<!--',
    '<![CDATA[',
    '"""',
    ',',
    '.',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), pieces => {
      const text = pieces.join('')
      for (const read of Object.values(readers)) {
        try {
          read(text)
        } catch (error) {
          if (!(error instanceof Unreadable) || error.message.includes('SECRET')) throw error
        }
      }
    }),
    { numRuns: 2_000 },
  )
  t.pass('held for every generated text')
})
