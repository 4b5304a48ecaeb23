/** Is this the failure of a system call with one of these names (`EEXIST`)? */
export function isErrno(cause: unknown, ...names: readonly string[]): boolean {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && names.includes(cause.code)
}
