// Makes lines that a machine wrote fit to be shown: no secret as far as it can be told, nothing that acts on a terminal, not too many.

import { cleanLine } from "../install/log-reader.ts";

const mostLines = 20;
const hidden = "***";

// Each keeps what names the secret and hides what it is.
const secrets: readonly (readonly [RegExp, string])[] = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*):[^\s/@]+@/gi, `$1:${hidden}@`],
  [/(\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic)?\s*)[^\s"',}]+/gi, `$1${hidden}`],
  [/(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}/gi, `$1${hidden}`],
  [
    /((?:pass(?:word|wd|phrase)?|secret|token|api[-_]?key|private[-_]?key|psk|credential)s?["']?\s*[:=]\s*)(?:"[^"]*"|'[^']*'|[^\s,;}]+)/gi,
    `$1${hidden}`,
  ],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g, hidden],
  [/\bAGE-SECRET-KEY-[A-Z0-9]+/gi, hidden],
  [/\$(?:1|2[aby]|5|6|7|y|argon2[id]{1,2})\$\S{4,}/g, hidden],
];
// A line of a PEM block, or a key that stands alone. Paths, store names and sums in hexadecimal are no secrets.
const longBase64 =
  /(?<![A-Za-z0-9+/=])(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])(?=[A-Za-z0-9+/]*[0-9])[A-Za-z0-9+/]{40,}={0,2}/g;

/** The last lines, printable, one screen wide, without what looks like a secret. */
export function redactLines(lines: readonly string[]): string[] {
  const shown: string[] = [];
  let inBlock = false;
  for (const line of lines.flatMap((text) => text.split(/\r?\n|\\n/))) {
    const begins = /-----BEGIN [A-Z0-9 ]+-----/.exec(line);
    if (begins !== null && !inBlock) shown.push(`${redact(line.slice(0, begins.index))}${hidden}`);
    else if (!inBlock) shown.push(redact(line));
    const lastEnd = line.lastIndexOf("-----END ");
    if (begins !== null) inBlock = lastEnd < begins.index;
    else if (lastEnd !== -1) inBlock = false;
  }
  return shown.filter((line) => line !== "").slice(-mostLines);
}

function redact(line: string): string {
  const plain = secrets.reduce((text, [pattern, instead]) => text.replace(pattern, instead), line);
  return cleanLine(plain.replace(longBase64, hidden)).replace(/[^\x20-\x7e]/g, "?");
}
