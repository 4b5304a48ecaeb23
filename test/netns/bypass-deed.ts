/** Something a client sends: text (one character a byte), bytes in hexadecimal, the same a byte a segment, waiting for words of the other side, the end. */
export type Say =
  | string
  | { readonly hex: string }
  | { readonly bytewise: string }
  | { readonly reads: string }
  | { readonly ends: true }

/** One thing that a hostile build does. `to` is an address, or a name that it looks up as any program does. */
export type Deed =
  | { readonly do: 'tcp'; readonly to: string; readonly port: number; readonly say: readonly Say[] }
  | {
      readonly do: 'tls'
      readonly to: string
      /** Default 443. */
      readonly port?: number
      /** Default `to`; `false` sends none. */
      readonly sni?: string | false
      readonly alpn?: readonly string[]
      readonly say: readonly Say[]
      /** Takes any certificate; else it is verified as an honest client would. */
      readonly lax?: boolean
    }
  | {
      readonly do: 'h2'
      readonly to: string
      readonly sni?: string
      /** Each is one stream's fields, names and values in turn; one after the other on one connection. */
      readonly streams: readonly (readonly string[])[]
    }
  | { readonly do: 'udp'; readonly to: string; readonly port: number; readonly hex: string }
  | { readonly do: 'dns'; readonly server: string; readonly over: 'udp' | 'tcp'; readonly hex: string }
  | {
      readonly do: 'program'
      readonly file: string
      readonly args: readonly string[]
      readonly env?: Readonly<Record<string, string>>
    }
  /** One after the other; what they got is joined. */
  | { readonly do: 'steps'; readonly steps: readonly Deed[] }

/** Deeds for the attacker's program, and how many it may do at the same time. */
export interface Orders {
  readonly deeds: readonly Deed[]
  readonly atOnce: number
}
