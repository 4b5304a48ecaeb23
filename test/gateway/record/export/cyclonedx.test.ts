import t from 'tap'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { renderCycloneDx } from '../../../../gateway/record/export/cyclonedx.ts'
import { odd, summaryOf } from './sample-summary.ts'

t.test('renderCycloneDx(): valid by the schema, whatever is in it; only what came in', async t => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
  for (const summary of [summaryOf([]), summaryOf(odd), summaryOf(odd, '')]) {
    t.equal(await validator.validate(renderCycloneDx(summary)), null)
  }
  const text = renderCycloneDx(summaryOf(odd))
  t.equal(renderCycloneDx(summaryOf(odd)), text, 'the same log, the same document')
  const bom: {
    readonly serialNumber: string
    readonly components: readonly { readonly purl: string; readonly type: string; readonly group?: string }[]
  } = JSON.parse(text)
  t.equal(bom.serialNumber, 'urn:uuid:eeeeeeee-eeee-8eee-aeee-eeeeeeeeeeee')
  t.same(
    new Set(bom.components.map(({ purl, type, group = '' }) => `${type} ${group} ${purl}`)),
    new Set([
      'library  pkg:npm/lib@1.0.0',
      'library @acme pkg:npm/%40acme/ui@2.0.0',
      'container  pkg:oci/app@sha256:aa?repository_url=r.test%2Fapp',
      'library  no package URL at all',
    ]),
  )
  t.equal(bom.components.length, 5, 'one for each registry')
})
