/**
 * The one form of a NuGet version by which files are told apart: three numbers, a fourth unless it is 0, no zeros in front,
 * lower case, nothing after `+` (https://learn.microsoft.com/nuget/concepts/package-versioning). A text that is no version stays as it is.
 */
export function normalVersion(version: string): string {
  const [, numbers, label = ''] = /^(\d+(?:\.\d+){0,3})(-[\w.-]+)?(?:\+[\w.-]+)?$/.exec(version) ?? []
  if (numbers === undefined) return version.toLowerCase()
  const parts = numbers.split('.').map(part => part.replace(/^0+(?=\d)/, ''))
  const [major = '0', minor = '0', patch = '0', fourth = '0'] = parts
  return `${[major, minor, patch, ...(fourth === '0' ? [] : [fourth])].join('.')}${label}`.toLowerCase()
}
