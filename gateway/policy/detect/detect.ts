import { parseRule } from '../rule-parse.ts'
import { apt } from './apt.ts'
import { cargo } from './cargo.ts'
import { azurePipelines, githubWorkflows } from './ci-files.ts'
import { helm, preCommit, terraform } from './deploy.ts'
import { type Detector, type Machine, readEach } from './detector.ts'
import { docker } from './docker.ts'
import { dotnet } from './dotnet.ts'
import { type Finding, type SourceFile, Unreadable } from './finding.ts'
import { git } from './git.ts'
import { go } from './go.ts'
import { gradle } from './gradle.ts'
import type { PresetOf } from './image.ts'
import { maven } from './maven.ts'
import { bun, pnpm, yarn } from './node-others.ts'
import { npm } from './npm.ts'
import { python } from './python.ts'
import { bundler, composer } from './ruby-php.ts'

/** Every ecosystem `detect` reads, in the order of its output. */
export const detectors: readonly Detector[] = [
  git,
  githubWorkflows,
  azurePipelines,
  docker,
  apt,
  npm,
  yarn,
  pnpm,
  bun,
  python,
  maven,
  gradle,
  go,
  cargo,
  dotnet,
  bundler,
  composer,
  terraform,
  helm,
  preCommit,
]

/** Is this a file that some detector reads? */
export function isWanted(path: string): boolean {
  return detectors.some(detector => detector.wants(path))
}

/**
 * What a project needs, as its files and the machine's settings say. A broken file costs one warning; the rest is read.
 * Every rule returned parses under the policy's grammar.
 */
export async function detectNeeds(
  files: readonly SourceFile[],
  machine: Machine,
  presetOf: PresetOf,
): Promise<readonly Finding[]> {
  const paths = files.map(file => file.path)
  const all: Finding[] = []
  for (const detector of detectors) {
    const own = files.filter(file => detector.wants(file.path))
    if (own.length === 0) continue
    const findings = readEach(own, file => detector.read(file, presetOf))
    all.push(...findings)
    if (detector.settings === undefined) continue
    try {
      all.push(...(await detector.settings(machine, { paths, findings, files: own })))
    } catch (error) {
      all.push(brokenAnswer(detector.tool, error))
    }
  }
  return unique(all.map(checked))
}

function brokenAnswer(tool: string, error: unknown): Finding {
  if (!(error instanceof Unreadable)) throw error
  return {
    kind: 'warning',
    text: `${tool}: what it printed was not understood: ${error.message}`,
    place: { file: tool },
  }
}

/** What files say is not ours to trust: a rule that the policy's grammar refuses becomes a warning. */
function checked(finding: Finding): Finding {
  if (finding.kind !== 'rule' || 'rule' in parseRule(finding.rule, 'allow')) return finding
  return {
    kind: 'warning',
    text: `${finding.tool}: what is named here cannot be written as a rule`,
    place: finding.place,
  }
}

function unique(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set<string>()
  return findings.filter(finding => {
    const key = JSON.stringify(finding)
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}
