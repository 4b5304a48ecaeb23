/** How a fake gateway behaves. */
export const behaviours = [
  'serve',
  'audit',
  'unknown-policy',
  'mute',
  'babble',
  'never-up',
  'give-up',
  'wrong-door',
  'old-door',
  'silent-door',
  'silent-dns',
  'open-udp',
  'refuse-proof',
] as const

export type Behaviour = (typeof behaviours)[number]
