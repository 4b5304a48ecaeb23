import type { Brand } from './brand.ts'

/** A TCP or UDP port, 1 to 65535. */
export type Port = Brand<number, 'Port'>

/** The port, or undefined when `raw` is not an integer from 1 to 65535. */
export function parsePort(raw: number): Port | undefined {
  return Number.isInteger(raw) && raw >= 1 && raw <= 65_535 ? (raw as Port) : undefined
}
