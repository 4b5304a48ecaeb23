/** A small generator with a seed, so that a failure can be repeated (xorshift32): a whole number from 0 to `below` − 1. */
export function random(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
