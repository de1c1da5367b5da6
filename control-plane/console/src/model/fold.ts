// Long stretches in which nothing happens, folded away. Pure.

export type Folded<Line> = { lines: Line[]; folded: false } | { lines: Line[]; folded: true };

/** Keeps `context` lines around each that is interesting; shorter stretches than the fold itself are not folded. */
export function fold<Line>(lines: Line[], isInteresting: (line: Line) => boolean, context: number): Folded<Line>[] {
  const kept = new Uint8Array(lines.length);
  for (const [index, line] of lines.entries()) {
    if (isInteresting(line)) kept.fill(1, Math.max(0, index - context), index + context + 1);
  }
  const parts: Folded<Line>[] = [];
  let start = 0;
  for (let at = 1; at <= lines.length; at += 1) {
    if (at < lines.length && kept[at] === kept[start]) continue;
    const stretch = lines.slice(start, at);
    const folded = kept[start] === 0 && stretch.length > 2;
    const last = parts.at(-1);
    if (!folded && last?.folded === false) last.lines.push(...stretch);
    else if (stretch.length > 0) parts.push({ lines: stretch, folded });
    start = at;
  }
  return parts;
}
