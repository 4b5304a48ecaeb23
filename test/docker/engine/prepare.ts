// Makes the template that every engine begins with: base images, loaded once. Called by scripts/setup-docker.sh; does
// nothing when there is one of what is there now.
import { existsSync } from 'node:fs'
import { stderr } from 'node:process'
import { openLab } from '../../lab/lab.ts'
import { baseTemplate, buildBaseImages } from './base-images.ts'
import { openEngine } from './engine.ts'
import { keepAsTemplate } from './templates.ts'

const template = baseTemplate()
if (!existsSync(template)) {
  stderr.write('setup: building the base images\n')
  await using lab = await openLab({ services: ['origins'] })
  await using engine = await openEngine(lab, { template: null })
  await buildBaseImages(lab, engine)
  await engine.stop()
  await keepAsTemplate(engine.data, template, 2)
}
