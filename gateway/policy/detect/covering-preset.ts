import { parseHostname } from '../../net/hostname.ts'
import { decide } from '../decide.ts'
import type { ReadUse } from '../document.ts'
import { parsePolicy } from '../document-parse.ts'
import type { PresetOf } from './image.ts'

/** Presets that stand for a registry as a whole, so that a line of a project may be answered by `use`. */
const registryPresets = ['docker-hub', 'ghcr', 'rubygems', 'nuget', 'terraform', 'ubuntu', 'alpine'] as const

/** Looks up which registry preset opens a host, each preset compiled once. */
export function coveringPreset(readUse: ReadUse): PresetOf {
  const policies = registryPresets.map(preset => {
    const text = `version: 1\nmode: block\nuse: [${preset}]\nallow: []\n`
    return { preset, policy: parsePolicy(text, 'detect', readUse) }
  })
  return raw => {
    const host = parseHostname(raw)
    if (host === undefined) return undefined
    return policies.find(({ policy }) => decide(policy, { kind: 'name', host }).verdict === 'allow')?.preset
  }
}
