import { createHmac } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** What a canary looks like. */
export type CanaryForm =
  | 'AWS access key id'
  | 'AWS secret access key'
  | 'GitHub token'
  | 'npm token'
  | 'Azure client secret'
  | 'Azure storage key'
  | 'password'

/** Where a thief finds it: a variable of the job's environment, or a file of its home. */
export type CanaryPlace = { readonly variable: string } | { readonly file: string }

/** A fake credential: well-formed, good for nothing, and known nowhere else. */
export interface Canary {
  readonly form: CanaryForm
  readonly place: CanaryPlace
  readonly value: string
  /**
   * Parts of the value, each of 12 random letters and digits, that do not overlap where it is long enough: any one of
   * them is proof, and a line break or a cut costs one of them at most.
   */
  readonly anchors: readonly string[]
}

/** Characters of an anchor; of the alphabets below that is at least 60 bits of chance. */
export const anchorLength = 12

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const alphanumeric = `0123456789${letters}`
const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Random characters that follow from a seed. */
type Draw = (length: number, alphabet: string) => string

/** A value, and which parts of it are random: pairs of an offset and a length. */
interface Shaped {
  readonly value: string
  readonly random: readonly (readonly [offset: number, length: number])[]
}

const shapes: Readonly<Record<CanaryForm, (draw: Draw) => Shaped>> = {
  'AWS access key id': draw => ({ value: `AKIA${draw(16, base32)}`, random: [[4, 16]] }),
  // 40 characters of base64. Its two others stand where no anchor is, so that an anchor is never changed by escaping.
  'AWS secret access key': draw => ({
    value: `${draw(12, alphanumeric)}/${draw(12, alphanumeric)}+${draw(14, alphanumeric)}`,
    random: [
      [0, 12],
      [13, 12],
      [26, 14],
    ],
  }),
  'GitHub token': draw => checked('ghp_', draw(30, alphanumeric)),
  'npm token': draw => checked('npm_', draw(30, alphanumeric)),
  'Azure client secret': draw => ({
    value: `${draw(3, alphanumeric)}${draw(1, '0123456789')}Q~${draw(34, alphanumeric)}`,
    random: [[6, 34]],
  }),
  // 64 octets in base64: of the last character only two bits are used.
  'Azure storage key': draw => ({ value: `${draw(85, alphanumeric)}${draw(1, 'AQgw')}==`, random: [[0, 36]] }),
  password: draw => ({ value: draw(32, alphanumeric), random: [[0, 32]] }),
}

/** GitHub's and npm's form: 30 random characters, and their CRC-32 in base 62, so that a scanner takes it for real. */
function checked(prefix: string, random: string): Shaped {
  return { value: `${prefix}${random}${checksum(random)}`, random: [[prefix.length, 36]] }
}

/** The last six characters of a GitHub or npm token whose random part is given. Pure. */
export function checksum(random: string): string {
  let rest = crc32(random)
  let digits = ''
  for (; rest > 0; rest = Math.floor(rest / 62)) digits = `${alphanumeric[rest % 62]}${digits}`
  return digits.padStart(6, '0')
}

/** The canary of a form and a place that belongs to a seed: the same again for the same seed. Pure. */
export function makeCanary(seed: Buffer, form: CanaryForm, place: CanaryPlace): Canary {
  const { value, random } = shapes[form](drawFrom(seed, `${form}\n${placeName(place)}`))
  return { form, place, value, anchors: random.flatMap(([offset, length]) => anchorsOf(value, offset, length)) }
}

/** The variable, or the file as users write it. */
export function placeName(place: CanaryPlace): string {
  return 'variable' in place ? place.variable : `~/${place.file}`
}

function anchorsOf(value: string, offset: number, length: number): readonly string[] {
  const anchors: string[] = []
  let at = offset
  for (; at + anchorLength <= offset + length; at += anchorLength) anchors.push(value.slice(at, at + anchorLength))
  // What is left over, made whole with what stands before it.
  const end = offset + length
  if (at < end && length > anchorLength && end - at >= 4) anchors.push(value.slice(end - anchorLength, end))
  return anchors
}

function drawFrom(seed: Buffer, label: string): Draw {
  let round = 0
  let octets = Buffer.alloc(0)
  const octet = (): number => {
    if (octets.length === 0) {
      octets = createHmac('sha256', seed).update(`${label}\n${round}`).digest()
      round += 1
    }
    const [first = 0] = octets
    octets = octets.subarray(1)
    return first
  }
  return (length, alphabet) => {
    // Octets past the last whole round of the alphabet would favour its first letters.
    const usable = 256 - (256 % alphabet.length)
    let text = ''
    while (text.length < length) {
      const drawn = octet()
      if (drawn < usable) text += alphabet[drawn % alphabet.length]
    }
    return text
  }
}
