import { basename, resolve } from 'node:path'
import { GatewayError } from '../errors.ts'
import { run } from '../packet/run.ts'
import { coveringPreset } from '../policy/detect/covering-preset.ts'
import { detectNeeds, isWanted } from '../policy/detect/detect.ts'
import { type Finding, placeText } from '../policy/detect/finding.ts'
import { safeJson, safeText } from '../policy/detect/policy-text.ts'
import { defaultBounds, readProject } from '../policy/detect/project-files.ts'
import { gatherFindings, renderDetection } from '../policy/detect/render.ts'
import { thisMachine } from '../policy/detect/this-machine.ts'
import { readUse } from '../policy/load.ts'
import { type Command, parseArguments } from './command.ts'

const usage = `usage: tidegate detect [DIR] [--mode audit|block] [--json]

Prints a policy with the lines that the project in DIR (default: the current
folder) needs, learned from its own configuration and lock files and from the
settings of the tools on this machine: git, GitHub and Azure workflows, Docker
and compose, apt, npm, yarn, pnpm, bun, pip, uv, poetry, pdm, pipenv, maven,
gradle, go, cargo, nuget, bundler, composer, terraform, helm, pre-commit. Each
line says where it was found. Registries are read-only; credentials are never
printed.

  --mode MODE    the policy's mode: audit (default) or block
  --json         the same as JSON: use, allow, notes, warnings, with their places

Runs no code of the project: tools are asked only what they print of their own
settings, in /, with a small environment. Run it where the build runs: elsewhere
other settings hold. What could not be read is a warning on stderr.

exit: 0 done, 2 DIR is no folder, or wrong usage
`

/** `tidegate detect`. */
export const detect: Command = {
  name: 'detect',
  summary: 'the policy lines a project needs, from its own configuration',
  usage,
  async run(args, io) {
    const { values, positionals } = parseArguments('detect', {
      args: [...args],
      allowPositionals: true,
      options: { mode: { type: 'string', default: 'audit' }, json: { type: 'boolean', default: false } },
    })
    const [directory = '.', ...others] = positionals
    if (others.length > 0)
      throw new GatewayError('USAGE', `detect: one folder at a time, and '${others[0]}' is another`)
    const mode = values.mode
    if (mode !== 'audit' && mode !== 'block')
      throw new GatewayError('USAGE', `detect: --mode is audit or block, not '${mode}'`)

    const project = await readProject(resolve(io.cwd, directory), isWanted, defaultBounds, io.signal)
    const faults: Finding[] = []
    const onTerminal = io.stderr.isTTY === true
    const machine = thisMachine({
      run,
      env: io.env,
      root: project.root,
      signal: io.signal,
      onAsk: command => onTerminal && io.stderr.write(`\r\u001B[Kasking ${command} …`),
      onFault: (path, text) => faults.push({ kind: 'warning', text, place: { file: path } }),
    })
    const needs = await detectNeeds(project.files, machine, coveringPreset(readUse))
    if (onTerminal) io.stderr.write('\r\u001B[K')

    const detection = gatherFindings([...project.findings, ...needs, ...faults])
    for (const { text, place } of detection.warnings)
      io.stderr.write(`tidegate: ${safeText(`${placeText(place)}: ${text}`)}\n`)
    io.stdout.write(
      values.json
        ? safeJson({ version: 1, mode, ...detection })
        : renderDetection(detection, mode, basename(project.root) || '/'),
    )
    return 0
  },
}
