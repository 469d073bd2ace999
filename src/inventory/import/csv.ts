// CSV (RFC 4180) with commas, semicolons or tabs, each cell with its place. Knows no column.

import { maxWords, type Place, placesIn, unreadable } from "./source.ts";

export interface Cell {
  readonly text: string;
  readonly place: Place;
}

/** The rows without empty ones. Throws what `unreadable` throws for a cell without its closing quotation mark. */
export function parseCsv(text: string, file: string): Cell[][] {
  const separator = separatorOf(text);
  const rows: Cell[][] = [];
  let cells = 0;
  let row: Cell[] = [];
  let offset = 0;
  const placeOf = placesIn(text, file);
  while (offset < text.length) {
    const place = placeOf(offset);
    if (++cells > maxWords)
      unreadable(place, `there are more than ${maxWords} cells: split the file up`);
    const { value, end } = readCell(text, offset, separator, place);
    row.push({ text: value.trim(), place });
    offset = end;
    if (text[offset] === separator) {
      offset++;
      continue;
    }
    if (row.some((cell) => cell.text !== "")) rows.push(row);
    row = [];
    if (text[offset] === "\r") offset++;
    if (text[offset] === "\n") offset++;
  }
  if (row.some((cell) => cell.text !== "")) rows.push(row);
  return rows;
}

/** Which of them is most frequent in the first line. */
function separatorOf(text: string): string {
  const end = text.indexOf("\n");
  const first = (end === -1 ? text : text.slice(0, end)).slice(0, 10_000);
  const count = (mark: string) => first.split(mark).length - 1;
  return [",", ";", "\t"].toSorted((a, b) => count(b) - count(a))[0] ?? ",";
}

function readCell(text: string, start: number, separator: string, place: Place) {
  if (text[start] !== '"') {
    let end = start;
    while (end < text.length && !["\n", "\r", separator].includes(text[end] ?? "")) end++;
    return { value: text.slice(start, end), end };
  }
  const parts: string[] = [];
  for (let at = start + 1; ; ) {
    const quote = text.indexOf('"', at);
    if (quote === -1) unreadable(place, 'this cell has no closing "');
    parts.push(text.slice(at, quote));
    if (text[quote + 1] !== '"') {
      let end = quote + 1;
      // What follows the quotation mark belongs to no cell.
      while (end < text.length && !["\n", "\r", separator].includes(text[end] ?? "")) end++;
      return { value: parts.join(""), end };
    }
    parts.push('"');
    at = quote + 2;
  }
}
