// The difference of two texts as `diff -u` writes it, which `patch` and `git apply` read. Pure.

import { lineDiff } from "./line-diff.ts";

const context = 3;
/** lineDiff's time and memory grow with the product of the lengths: beyond this, what differs is shown as replaced as a whole. */
const maxProduct = 4_000_000;

interface Sides {
  /** What the lines that are taken away are called, such as a/dns/hosts. */
  readonly from: string;
  readonly to: string;
}

/** The lines of the difference, without line ends; none when the texts are equal. `undefined` is a file that does not exist. */
export function unifiedDiff(
  names: Sides,
  before: string | undefined,
  after: string | undefined,
): string[] {
  if (before === after) return [];
  const hunks = hunksOf(marked(linesOf(before ?? ""), linesOf(after ?? "")));
  return [
    `--- ${before === undefined ? "/dev/null" : names.from}`,
    `+++ ${after === undefined ? "/dev/null" : names.to}`,
    ...hunks,
  ];
}

const noLineEnd = "\n\\ No newline at end of file";

/** The last line carries the remark when its end is missing, and so differs from the same line with one. */
function linesOf(text: string): string[] {
  const lines = text.split("\n");
  const last = lines.pop() ?? "";
  return last === "" ? lines : [...lines, `${last}${noLineEnd}`];
}

/** Every line with its mark; what is equal at both ends is not compared at length. */
function marked(a: readonly string[], b: readonly string[]): string[] {
  const most = Math.min(a.length, b.length);
  let head = 0;
  while (head < most && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < most - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const equal = (lines: readonly string[]) => lines.map((line) => ` ${line}`);
  return [
    ...equal(a.slice(0, head)),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...equal(a.slice(a.length - tail)),
  ];
}

function middle(a: readonly string[], b: readonly string[]): string[] {
  const replaced = () => [...a.map((line) => `-${line}`), ...b.map((line) => `+${line}`)];
  if (a.length === 0 || b.length === 0 || a.length * b.length > maxProduct) return replaced();
  // A line that carries the remark is two to lineDiff: such texts are rare, and short where they differ.
  if ([...a, ...b].some((line) => line.endsWith(noLineEnd))) return replaced();
  return lineDiff(a.join("\n"), b.join("\n"));
}

function hunksOf(lines: readonly string[]): string[] {
  const changed = lines.flatMap((line, index) => (line.startsWith(" ") ? [] : [index]));
  const ranges: { start: number; end: number }[] = [];
  for (const index of changed) {
    const last = ranges.at(-1);
    const end = Math.min(index + context + 1, lines.length);
    if (last !== undefined && index - context <= last.end) last.end = end;
    else ranges.push({ start: Math.max(index - context, 0), end });
  }
  let [oldLine, newLine, done] = [1, 1, 0];
  return ranges.flatMap(({ start, end }) => {
    const skipped = start - done;
    [oldLine, newLine, done] = [oldLine + skipped, newLine + skipped, end];
    const hunk = lines.slice(start, end);
    const oldCount = hunk.filter((line) => !line.startsWith("+")).length;
    const newCount = hunk.filter((line) => !line.startsWith("-")).length;
    const head = `@@ -${place(oldLine, oldCount)} +${place(newLine, newCount)} @@`;
    [oldLine, newLine] = [oldLine + oldCount, newLine + newCount];
    return [head, ...hunk.flatMap((line) => line.split("\n"))];
  });
}

/** A side without lines names the line before the hunk. */
function place(line: number, count: number): string {
  return `${count === 0 ? line - 1 : line},${count}`;
}
