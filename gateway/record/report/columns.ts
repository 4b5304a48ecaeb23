const gap = 2
/** Narrowest useful column, characters. */
const least = 8

/**
 * Rows as columns of equal width, each line at most `width` characters: columns that are empty everywhere vanish, the
 * last gives way first and then the widest, and what does not fit ends in `…`.
 */
export function layOut(rows: readonly (readonly string[])[], width: number): string[] {
  const columns = Math.max(0, ...rows.map(row => row.length))
  const widths = Array.from({ length: columns }, (_, at) => Math.max(0, ...rows.map(row => (row[at] ?? '').length)))
  const used = widths.map((columnWidth, at) => ({ at, width: columnWidth })).filter(column => column.width > 0)
  let over = used.reduce((sum, column) => sum + column.width + gap, -gap) - width
  const last = used.at(-1)
  if (over > 0 && last !== undefined && last.width > least) {
    const cut = Math.min(over, last.width - least)
    last.width -= cut
    over -= cut
  }
  while (over > 0) {
    const widest = used.reduce((a, b) => (b.width > a.width ? b : a))
    if (widest.width <= least) break
    const second = Math.max(least, ...used.filter(column => column !== widest).map(column => column.width))
    const cut = Math.min(over, Math.max(1, widest.width - second))
    widest.width -= cut
    over -= cut
  }
  return rows.map(row =>
    used
      .map(column => fit(row[column.at] ?? '', column.width))
      .join(' '.repeat(gap))
      .trimEnd(),
  )
}

/** A sentence as lines of at most `width` characters, broken between words where that is possible. */
export function wrap(text: string, width: number): string[] {
  const room = Math.max(2 * least, width)
  const lines: string[] = []
  for (let rest = text; rest !== '';) {
    const space = rest.length > room ? rest.lastIndexOf(' ', room) : -1
    const end = rest.length <= room ? rest.length : space > 0 ? space : room
    lines.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return lines
}

function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
}
