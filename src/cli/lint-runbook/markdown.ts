// The parts of a runbook in markdown: its code blocks with their languages and lines, and its other lines. Pure.

export interface Block {
  readonly language: string;
  /** Line of the file that `lines[0]` is; lines count from 1. */
  readonly firstLine: number;
  readonly lines: readonly string[];
  /** A span of code within a sentence, or a line with a `$` prompt. */
  readonly inline: boolean;
}

export interface Line {
  readonly line: number;
  readonly text: string;
}

export interface Markdown {
  readonly blocks: readonly Block[];
  readonly prose: readonly Line[];
}

const fence = /^(\s*(?:[-*>]\s+|\d{1,3}[.)]\s+)?)(`{3,}|~{3,})\s*([\w+-]*)/;

/** Fenced and indented blocks, code spans and prompts. A fence that is never closed ends with the file. */
export function readMarkdown(text: string): Markdown {
  const lines = text.split(/\r?\n/);
  const blocks: Block[] = [];
  const prose: Line[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? "";
    const [, indent = "", marks = "", language = ""] = fence.exec(line) ?? [];
    if (marks !== "") {
      const end = fenceEnd(lines, at + 1, marks);
      const inner = lines.slice(at + 1, end).map((one) => withoutIndent(one, indent.length));
      blocks.push({
        language: language.toLowerCase(),
        firstLine: at + 2,
        lines: inner,
        inline: false,
      });
      at = end + 1;
    } else if (/^(?: {4}|\t)\S/.test(line) && (lines[at - 1] ?? "").trim() === "") {
      let end = at + 1;
      while (end < lines.length && /^(?: {4}|\t|\s*$)/.test(lines[end] ?? "")) end++;
      const inner = lines.slice(at, end).map((one) => one.replace(/^(?: {4}|\t)/, ""));
      blocks.push({ language: "", firstLine: at + 1, lines: inner, inline: false });
      at = end;
    } else {
      prose.push({ line: at + 1, text: line });
      blocks.push(...inlineCode(line, at + 1));
      at++;
    }
  }
  return { blocks, prose };
}

/** The line of the closing fence, or the number of lines. */
function fenceEnd(lines: readonly string[], from: number, marks: string): number {
  for (let at = from; at < lines.length; at++) {
    const closing = (lines[at] ?? "").trim();
    if (closing.startsWith(marks) && closing.replaceAll(marks[0] ?? "", "") === "") return at;
  }
  return lines.length;
}

function withoutIndent(line: string, columns: number): string {
  const blank = line.length - line.trimStart().length;
  return line.slice(Math.min(blank, columns));
}

function inlineCode(text: string, line: number): Block[] {
  const block = (code: string): Block => ({
    language: "",
    firstLine: line,
    lines: [code],
    inline: true,
  });
  const prompt = /^\s*[$%] (\S.*)$/.exec(text)?.[1];
  if (prompt !== undefined) return [block(prompt)];
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => block(code.replace(/^\$ /, "")));
}
