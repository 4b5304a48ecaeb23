import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The presets shipped with the gateway: `NAME.yaml` beside this file. docs/policy.md says what each is for. */
export const presetNames = [
  'alpine',
  'azure-pipelines-agent',
  'docker-hub',
  'ghcr',
  'github-runner',
  'known-exfiltration',
  'nuget',
  'playwright',
  'rubygems',
  'terraform',
  'ubuntu',
] as const

/** The file of a preset and its text; undefined for a name that is none. */
export function readPreset(name: string): { readonly file: string; readonly text: string } | undefined {
  const preset = presetNames.find(one => one === name)
  if (preset === undefined) return undefined
  const path = fileURLToPath(new URL(`${preset}.yaml`, import.meta.url))
  // Named by what it is, not by where the gateway is installed.
  return { file: `preset:${preset}`, text: readFileSync(path, 'utf8') }
}
