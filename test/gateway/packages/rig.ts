import { isObjection, type RequestLook } from '../../../gateway/insight/insight.ts'
import { PackageRules, type PackageSettings, readDenyList } from '../../../gateway/packages/rules.ts'
import { PackageWatch } from '../../../gateway/packages/watch.ts'
import type { Alarm, FlowEvent } from '../../../gateway/record/event.ts'
import { fields, seen, type Sent } from './seen.ts'

const none: PackageSettings = { internal: [], deny: [], osv: [], installScripts: 'report' }

interface Answer {
  readonly status?: number
  readonly fields?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

/** A watch, and exchanges through it as the gateway carries them. */
export class Rig {
  readonly alarms: Alarm[] = []
  readonly watch: PackageWatch

  constructor(settings: Partial<PackageSettings> = {}, now = Date.parse('2026-03-10T00:00:00Z'), procRoot?: string) {
    const rules = new PackageRules({ ...none, ...settings }, readDenyList(settings.deny ?? []))
    this.watch = new PackageWatch({
      rules: () => rules,
      procRoot,
      alarm: alarm => this.alarms.push(alarm),
      now: () => now,
    })
  }

  get kinds(): readonly string[] {
    return this.alarms.map(({ kind }) => kind)
  }

  /** Carries an exchange to its end; the rule that objected, and the facts for the line. */
  fetch(
    sent: Sent,
    { status = 200, fields: head = {}, body = '' }: Answer,
  ): { readonly rule?: string; readonly details?: FlowEvent['details'] } {
    const look = this.watch.request(seen(sent))
    if (look === undefined) return {}
    const objection = look.objection ?? look.answered?.(status, fields(head)) ?? this.#receive(look, Buffer.from(body))
    const details = { ...look.note?.details, ...look.ended?.()?.details }
    return { details, ...(objection === undefined ? {} : { rule: objection.rule }) }
  }

  #receive(look: RequestLook, body: Buffer): { readonly rule: string } | undefined {
    // In pieces that are only valid during the call.
    for (let at = 0; at < body.length; at += 7) {
      const piece = Buffer.from(body.subarray(at, at + 7))
      look.receiving?.(piece)
      piece.fill(0)
    }
    const said = look.received?.()
    return isObjection(said) ? said : undefined
  }
}
