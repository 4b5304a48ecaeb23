/** One mount, as far as it matters where a file of it can be seen (proc(5), mountinfo). */
export interface Mount {
  /** `major:minor`: the same for every mount of one file system. */
  readonly device: string
  /** The folder or file of that file system which is shown. */
  readonly root: string
  /** Where it is shown. */
  readonly point: string
  /** `ext4`, `proc`, `tmpfs` … */
  readonly type: string
  /** What is mounted, in the words of that type: a device, `server:/path`, the name of a map. */
  readonly source: string
}

/** Reads the text of /proc/PID/mountinfo, in the order in which things were mounted. Pure. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap(line => {
    const [before, after] = line.split(' - ')
    const [, , device, root, point] = before?.split(' ') ?? []
    const [type, source = ''] = after?.split(' ') ?? []
    if (device === undefined || root === undefined || point === undefined || type === undefined) return []
    return [{ device, root: unescape(root), point: unescape(point), type, source: unescape(source) }]
  })
}

const overNetwork =
  /^(?:nfs4?|cifs|smb\d?|smbfs|afs|ceph|lustre|beegfs|gpfs|orangefs|fuse\.(?:sshfs|s3fs|goofys|rclone|gcsfuse|glusterfs|davfs2?|curlftpfs|blobfuse2?|juicefs|ceph\S*))$/

/** Mounts whose files lie on another machine: this machine's kernel, or a program on it, fetches and sends them. Pure. */
export function networkFileSystems(mounts: readonly Mount[]): readonly Mount[] {
  return mounts.filter(({ type }) => overNetwork.test(type))
}

/** Every other path under which the file at `path` can be seen, because its file system is mounted there as well. Pure. */
export function aliasesOf(path: string, mounts: readonly Mount[]): readonly string[] {
  // The longest mount point is the one that counts; of several in one place, the last.
  const home = mounts.reduce<Mount | undefined>(
    (best, mount) => (isWithin(path, mount.point) && mount.point.length >= (best?.point.length ?? 0) ? mount : best),
    undefined,
  )
  if (home === undefined) return []
  const inside = join(home.root, path.slice(home.point === '/' ? 0 : home.point.length))
  const paths = mounts
    .filter(({ device, root }) => device === home.device && isWithin(inside, root))
    .map(({ root, point }) => join(point, inside.slice(root === '/' ? 0 : root.length)))
  return [...new Set(paths)].filter(alias => alias !== path)
}

/** Is it that folder or below it? */
function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`)
}

function join(folder: string, rest: string): string {
  return folder === '/' ? rest || '/' : `${folder}${rest === '/' ? '' : rest}`
}

/** mountinfo writes blanks, tabs, line feeds and backslashes as octal escapes. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
