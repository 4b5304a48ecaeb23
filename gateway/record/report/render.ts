import type { Summary } from '../summary-shape.ts'
import { renderHtml } from './html.ts'
import { renderMarkdown } from './markdown.ts'
import type { Terminal } from './terminal.ts'
import { renderText } from './text.ts'

/** The formats of `tidegate report --format`. */
export type ReportFormat = 'text' | 'markdown' | 'json' | 'html'

/** Every format, by what renders it; `terminal` matters to `text` only. */
export const renderReport: Readonly<Record<ReportFormat, (summary: Summary, terminal: Terminal) => string>> = {
  text: renderText,
  markdown: renderMarkdown,
  json: summary => `${JSON.stringify(summary, null, 2)}\n`,
  html: renderHtml,
}
