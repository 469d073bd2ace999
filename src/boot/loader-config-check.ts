// What must hold for a rendered configuration of GRUB or pxelinux before a machine gets it, whoever wrote its template. Pure.

const maxBytes = 64 * 1024;

function commonFault(text: string): string | undefined {
  if (Buffer.byteLength(text) > maxBytes) return `it is longer than ${maxBytes} octets`;
  const index = text.split("\n").findIndex((line) => /[^\x20-\x7e\t]/.test(line));
  return index < 0 ? undefined : `line ${index + 1}: it is no plain ASCII`;
}

// A word of GRUB's language (its manual, §6.2), quoted parts and variables in braces included; a comment; what ends a command.
const quoted = String.raw`'[^']*'|"(?:\\[^]|[^"\\])*"|\\[^]|\$\{[^}\n]*\}`;
const token = new RegExp(String.raw`(?<![^\s;])#[^\n]*|(?:${quoted}|[^\s;'"\\])+|[\n;]`, "g");
/** What each word that opens a block is closed by. */
const closing = new Map([
  ...[
    ["if", "fi"],
    ["while", "done"],
    ["until", "done"],
    ["for", "done"],
    ["{", "}"],
  ].map(([open, close]) => [open, close] as const),
]);
const closers = new Set(closing.values());
/** After these, where they are commands, another command begins. */
const starters = new Set(["then", "else", "elif", "do", "if", "while", "until", "!"]);

/** What is wrong with a configuration of GRUB, with its line, or undefined when GRUB can read all of it. */
export function grubFault(text: string): string | undefined {
  const fault = commonFault(text);
  if (fault !== undefined) return fault;
  const open: { readonly word: string; readonly line: number }[] = [];
  let line = 1;
  let begins = true;
  let end = 0;
  for (const { 0: word, index } of text.matchAll(token)) {
    if (/['"\\]/.test(text.slice(end, index))) return `line ${line}: a quote is not closed`;
    end = index + word.length;
    const here = line;
    line += word.split("\n").length - 1;
    if (word.startsWith("#")) continue;
    // A block in braces follows the words of its command.
    if (begins || word === "{" || word === "}") {
      if (closing.has(word)) open.push({ word, line: here });
      if (closers.has(word) && closing.get(open.pop()?.word ?? "") !== word)
        return `line ${here}: ${word} closes nothing`;
    }
    begins = /^[\n;{]$/.test(word) || (begins && starters.has(word));
  }
  if (/['"\\]/.test(text.slice(end))) return `line ${line}: a quote is not closed`;
  const [left] = open.slice(-1);
  return left && `line ${left.line}: ${left.word} has no ${closing.get(left.word)}`;
}

/** What is wrong with a configuration of pxelinux, or undefined when it can boot what it names as its default. */
export function pxelinuxFault(text: string): string | undefined {
  const fault = commonFault(text);
  if (fault !== undefined) return fault;
  const named = /^\s*DEFAULT\s+(\S+)/im.exec(text)?.[1];
  if (named === undefined) return "it has no DEFAULT: pxelinux would wait at its prompt for ever";
  const labels = [...text.matchAll(/^\s*LABEL\s+(\S+)/gim)].map(([, label]) => label);
  return labels.includes(named) ? undefined : `DEFAULT ${named}, and there is no LABEL ${named}`;
}
