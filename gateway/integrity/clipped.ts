/** Text of the job's choosing, with its middle left out where it is longer than `most` characters. */
export function clipped(text: string, most = 200): string {
  const half = Math.floor(most / 2)
  return text.length > most ? `${text.slice(0, half - 1)}…${text.slice(-half)}` : text
}
