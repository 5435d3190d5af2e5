// Tables of kubectl: cells begin where their heading begins, headings stand two blanks or more apart.

export interface Column {
  readonly heading: string;
  readonly start: number;
}

export function columnsOf(header: string): Column[] {
  return [...header.matchAll(/\S+(?: \S+)*/g)].map((match) => ({
    heading: match[0].toUpperCase(),
    start: match.index,
  }));
}

/** The cells of a row by heading; an empty cell is absent. A row that does not keep to the headings is split at its blanks. */
export function cellsOf(columns: readonly Column[], line: string): ReadonlyMap<string, string> {
  const cells = new Map<string, string>();
  const put = (heading: string, text: string): void => {
    const cell = text.trim();
    if (cell !== "") cells.set(heading, cell);
  };
  if (isAligned(columns, line)) {
    for (const [index, { heading, start }] of columns.entries()) {
      put(heading, line.slice(start, columns[index + 1]?.start));
    }
    return cells;
  }
  const indent = line.length - line.trimStart().length;
  let rest = line.slice(indent);
  for (const [index, { heading }] of columns.entries()) {
    const gap = index === columns.length - 1 ? -1 : rest.search(/\s{2,}/);
    put(heading, gap < 0 ? rest : rest.slice(0, gap));
    rest = gap < 0 ? "" : rest.slice(gap).trimStart();
  }
  return cells;
}

/** A blank before each cell, and nothing to the left of the first. */
function isAligned(columns: readonly Column[], line: string): boolean {
  return columns.every(({ start }, index) =>
    index === 0 ? line.slice(0, start).trim() === "" : start > line.length || /\s/.test(line[start - 1] ?? " "),
  );
}
