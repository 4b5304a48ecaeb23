import { mkdirSync, writeFileSync } from 'node:fs'

/** Options of apt-get that keep it to a root of its own; the machine is not changed. Returns the file that holds them. */
export function aptOptions(root: string): string {
  for (const folder of [
    'lists/partial',
    'cache/archives/partial',
    'parts',
    'root/var/lib/dpkg/info',
    'root/var/lib/dpkg/updates',
  ])
    mkdirSync(`${root}/${folder}`, { recursive: true })
  for (const file of ['status', 'available']) writeFileSync(`${root}/root/var/lib/dpkg/${file}`, '')
  writeFileSync(`${root}/sources.list`, 'deb [trusted=yes] http://apt.acme.test/debian ./\n')
  const options = {
    'Dir::Etc::sourcelist': `${root}/sources.list`,
    'Dir::Etc::sourceparts': `${root}/parts`,
    'Dir::State::lists': `${root}/lists`,
    'Dir::State::status': `${root}/root/var/lib/dpkg/status`,
    'Dir::Cache': `${root}/cache`,
    'APT::Sandbox::User': 'root',
    'DPkg::Options::': `--root=${root}/root`,
  }
  writeFileSync(
    `${root}/options`,
    Object.entries(options)
      .map(([name, value]) => `-o ${name}=${value}`)
      .join(' '),
  )
  return `${root}/options`
}
