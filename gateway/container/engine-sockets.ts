/** Where engines and build daemons listen: who may talk to one can start a container that has any network. */
export const engineSockets = [
  '/var/run/docker.sock',
  '/run/docker.sock',
  '/run/containerd/containerd.sock',
  '/run/docker/containerd/containerd.sock',
  '/run/podman/podman.sock',
  '/run/crio/crio.sock',
  '/run/buildkit/buildkitd.sock',
] as const

/** Is a path of the machine an engine's socket, or a folder that shows one? Pure. */
export function leadsToEngine(path: string): boolean {
  const folder = path.replace(/\/+$/, '')
  if (/\/(?:docker|containerd|podman|crio|buildkitd)\.sock$/.test(folder)) return true
  return engineSockets.some(socket => socket.startsWith(`${folder}/`))
}
