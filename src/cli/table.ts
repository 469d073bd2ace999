// Lines of text in columns. Pure; what came from a machine is made printable here, because a host name
// or a firmware string must not be able to act on the operator's terminal.

/** A table with a header row; a line that would be longer than `maxColumns` is cut with an ellipsis. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  maxColumns = 100,
): string[] {
  const cells = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) =>
    cells.reduce((most, row) => Math.max(most, characters(row[column] ?? "").length), 0),
  );
  return cells.map((row) => {
    const padded = row.map((cell, column) => {
      const missing = (widths[column] ?? 0) - characters(cell).length;
      return column === row.length - 1 ? cell : cell + " ".repeat(Math.max(missing, 0));
    });
    return cut(padded.join("  ").trimEnd(), maxColumns);
  });
}

/** The text with every control character written as `\xNN`. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\x${character.codePointAt(0)?.toString(16).padStart(2, "0")}`,
  );
}

/** At most `columns` characters. */
export function cut(text: string, columns: number): string {
  const all = characters(text);
  return all.length <= columns ? text : `${all.slice(0, columns - 1).join("")}…`;
}

/** `4s`, `3m05s`, `2h07m`, `5d03h`: two units at most. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`;
  return `${Math.floor(seconds / 86_400)}d${two(Math.floor((seconds % 86_400) / 3600))}h`;
}

/** UTC to the second: 2026-01-02 03:04:05Z. */
export function formatTime(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}

function characters(text: string): string[] {
  return [...text];
}
