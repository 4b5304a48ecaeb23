import { gzipSync } from 'node:zlib'
import { digestOf, serveFiles } from './static-files.ts'
import type { ServiceContext } from './start.ts'
import { arOf, tarOf } from './tar.ts'

/** What the package installs, folders included, as dpkg wants it. */
const installed = [
  ...['./', './usr/', './usr/share/', './usr/share/lab-hello/'].map(path => ({ path, content: '' })),
  { path: './usr/share/lab-hello/greeting', content: 'hello from the lab\n' },
]

/** A flat, unsigned Debian archive with one package: `deb [trusted=yes] http://apt.acme.test/debian ./`. */
export async function startDebian({ hosts }: ServiceContext): Promise<void> {
  const control =
    'Package: lab-hello\nVersion: 1.0\nArchitecture: all\nMaintainer: Lab <lab@acme.test>\nPriority: optional\nSection: misc\nDescription: A package of the lab\n'
  const file = 'lab-hello_1.0_all.deb'
  const archive = arOf([
    { path: 'debian-binary', content: '2.0\n' },
    { path: 'control.tar.gz', content: gzipSync(tarOf([{ path: './control', content: control }])) },
    { path: 'data.tar.gz', content: gzipSync(tarOf(installed)) },
  ])
  const packages = `${control}Filename: ./${file}\nSize: ${archive.length}\nSHA256: ${digestOf('sha256', archive)}\n\n`
  const index = gzipSync(packages)
  const release = [
    'Origin: Lab',
    'Label: Lab',
    'Suite: stable',
    'Architectures: all amd64 arm64',
    'Date: Thu, 01 Jan 2026 00:00:00 UTC',
    'SHA256:',
    ` ${digestOf('sha256', packages)} ${packages.length} Packages`,
    ` ${digestOf('sha256', index)} ${index.length} Packages.gz`,
    '',
  ].join('\n')
  hosts.set(
    'apt.acme.test',
    serveFiles(
      new Map<string, string | Uint8Array>([
        ['/debian/Packages', packages],
        ['/debian/Packages.gz', index],
        ['/debian/Release', release],
        [`/debian/${file}`, archive],
      ]),
    ),
  )
}
