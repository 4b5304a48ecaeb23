import { digestOf, serveFiles } from './static-files.ts'
import type { ServiceContext } from './start.ts'
import { zipOf } from './zip.ts'

/** A Python index (PEP 503) with one wheel: `lab-wheel` 1.0.0. */
export async function startPython({ hosts }: ServiceContext): Promise<void> {
  const file = 'lab_wheel-1.0.0-py3-none-any.whl'
  const info = 'lab_wheel-1.0.0.dist-info'
  const metadata = 'Metadata-Version: 2.1\nName: lab-wheel\nVersion: 1.0.0\nSummary: A wheel of the lab\n'
  const wheel = zipOf([
    { path: 'lab_wheel/__init__.py', content: 'GREETING = "hello from the lab"\n' },
    { path: `${info}/METADATA`, content: metadata },
    {
      path: `${info}/WHEEL`,
      content: 'Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    },
    {
      path: `${info}/RECORD`,
      content: `lab_wheel/__init__.py,,\n${info}/METADATA,,\n${info}/WHEEL,,\n${info}/RECORD,,\n`,
    },
  ])
  hosts.set(
    'pypi.acme.test',
    serveFiles(
      new Map<string, string | Uint8Array>([
        ['/simple/', '<!DOCTYPE html><html><body><a href="lab-wheel/">lab-wheel</a></body></html>\n'],
        [
          '/simple/lab-wheel/',
          `<!DOCTYPE html><html><body><a href="/files/${file}#sha256=${digestOf('sha256', wheel)}">${file}</a></body></html>\n`,
        ],
        [`/files/${file}`, wheel],
      ]),
    ),
  )
}
