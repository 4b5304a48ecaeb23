import { realpathSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { fileFault, GatewayError } from '../errors.ts'
import { compareArchive, type Stranger } from '../integrity/archive/manifest.ts'
import { openArchive } from '../integrity/archive/open-archive.ts'
import { readTar } from '../integrity/archive/tar.ts'
import { readSourceTree } from '../integrity/baseline.ts'
import { askCheckpoint, jobSocketPath, tellManifest } from '../integrity/checkpoint-client.ts'
import { findRepository, type Repository } from '../integrity/git/repository.ts'
import { octetPath, shownPath } from '../integrity/plain-file.ts'
import { printable } from '../record/printable.ts'
import { plural } from '../record/report/words.ts'
import { type Command, type Io, parseArguments } from './command.ts'

const usage = `usage: tidegate checkpoint [DIR]
       tidegate checkpoint --manifest FILE [--commit REV] [--allow GLOB…] [DIR]

In a job whose policy has integrity: tells the gateway that the checkout in DIR
(default: the current folder) is complete. The gateway reads the commit from .git
itself and compares every tracked file with it, now and until the job ends.

With --manifest, anywhere: compares a source archive (tar; gzip by itself, xz,
bzip2 and zstd by the program of that name) with a commit of the repository in
DIR, and prints what the archive holds that the commit does not.

  --manifest FILE  the archive
  --commit REV     HEAD (default), a whole commit id, a tag or a branch
  --allow GLOB     what a release adds, as a line of .gitignore; may be repeated

exit: 0 all is what the commit says, 1 something is not, 2 it cannot be compared,
or wrong usage; 3 the policy fails the job for what was found so far
(integrity.onChange: fail), so the last step of a pipeline does well to ask
`

/** As of `run`. */
const policyFails = 3

/** `tidegate checkpoint`. */
export const checkpoint: Command = {
  name: 'checkpoint',
  summary: 'the checkout is complete; or: is this archive what the commit says',
  usage,
  async run(args, io) {
    const { values, positionals } = parseArguments('checkpoint', {
      args: [...args],
      allowPositionals: true,
      options: {
        manifest: { type: 'string' },
        commit: { type: 'string' },
        allow: { type: 'string', multiple: true, default: [] },
      },
    })
    const [directory = '.', ...others] = positionals
    if (others.length > 0)
      throw new GatewayError('USAGE', `checkpoint: one folder at a time, and '${others[0]}' is another`)
    const folder = realFolder(resolve(io.cwd, directory))
    const { manifest, commit, allow } = values
    if (manifest !== undefined) return compare(folder, resolve(io.cwd, manifest), commit ?? 'HEAD', allow, io)
    if (commit !== undefined || allow.length > 0)
      throw new GatewayError('USAGE', 'checkpoint: --commit and --allow go with --manifest')
    return tell(folder, io)
  },
}

async function tell(folder: string, io: Io): Promise<number> {
  const { commit, files, changed, failed } = await askCheckpoint(folder, jobSocketPath, io.signal)
  io.stdout.write(`commit ${commit}: ${plural(files, 'file')} watched\n`)
  if (changed > 0)
    io.stderr.write(`tidegate: ${plural(changed, 'file')} not what the commit says; the log names them\n`)
  for (const why of failed) io.stderr.write(`tidegate: the policy fails this job: ${printable(why, 600)}\n`)
  if (failed.length > 0) return policyFails
  return changed === 0 ? 0 : 1
}

const words: Readonly<Record<Stranger['what'], string>> = {
  'not-in-git': 'not in git',
  differs: 'differs',
  'no-file': 'no file',
}

async function compare(
  folder: string,
  archive: string,
  revision: string,
  allow: readonly string[],
  io: Io,
): Promise<number> {
  const tree = readSourceTree(repositoryAt(folder), revision)
  const { strangers, same, missing } = await compareArchive(readTar(openArchive(archive)), tree, allow)
  for (const { path, what } of strangers)
    io.stdout.write(`${words[what].padEnd(12)}${printable(shownPath(path), 4_096)}\n`)
  const left = missing === 0 ? '' : `; ${plural(missing, 'file')} of the commit not in the archive`
  const sum = `commit ${tree.commit}: ${plural(same, 'file')} the same, ${strangers.length} not${left}`
  io.stderr.write(`${sum}\n`)
  if (strangers.length === 0) return 0
  const paths = strangers.slice(0, 5).map(({ path }) => printable(shownPath(path), 60))
  const findings = { archive: basename(archive).slice(0, 200), commit: tree.commit, count: strangers.length, paths }
  await tellManifest(findings, jobSocketPath, io.signal)
  return 1
}

function repositoryAt(folder: string): Repository {
  const repository = findRepository(octetPath(folder))
  if (repository !== undefined) return repository
  throw new GatewayError('SOURCE_UNREADABLE', `there is no git repository at ${folder}`)
}

function realFolder(path: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    throw new GatewayError('USAGE', `checkpoint: ${path} cannot be read: ${fileFault(cause)}`, { cause })
  }
}
