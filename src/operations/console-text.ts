// The text of a serial console without what draws it: bytes cut anywhere in, lines out. Firmware paints its screens with cursor
// moves, and its text is untrusted; what comes out of here has no control characters.

export interface ConsoleText {
  /** Takes what was printed. Returns the lines that it ended, without those that are blank. */
  take(data: Buffer): string[];
  /** What stands in the line that has not ended: a prompt, or the first half of something. */
  readonly pending: string;
}

/** Longer lines are cut into several: the kernel's own are no longer. */
const maxLineLength = 1024;
const maxParameters = 32;

const control = {
  ...{ backspace: 0x08, newline: 0x0a, formFeed: 0x0c, carriageReturn: 0x0d, cancel: 0x18 },
  ...{ escape: 0x1b, delete: 0x7f, bell: 0x07 },
} as const;

// ECMA-48 §5.4: ESC [ parameters intermediates final. Strings (§5.6: DCS, SOS, OSC, PM, APC) run until BEL or ESC \.
type Mode = "text" | "escape" | "sequence" | "string";

export function createConsoleText(): ConsoleText {
  let mode: Mode = "text";
  let parameters = "";
  let line = "";
  let lines: string[] = [];
  // Where the cursor was put last and the text has run to since; undefined after a line that was ended plainly.
  let cursor: { readonly row: number; column: number } | undefined;

  const end = () => {
    const text = line.trimEnd();
    if (text.trim() !== "") lines.push(text);
    line = "";
    cursor = undefined;
  };
  const print = (byte: number) => {
    line += String.fromCharCode(byte);
    if (cursor !== undefined) cursor.column += 1;
    if (line.length >= maxLineLength) end();
  };
  const moveTo = (row: number, column: number) => {
    // Some firmware places every character; on the same row it is still one line.
    const follows = cursor?.row === row && column >= cursor.column;
    if (follows && cursor !== undefined && column > cursor.column) line += " ";
    if (!follows) end();
    cursor = { row, column };
  };
  const finishSequence = (final: string) => {
    const [row = 1, column = 1] = parameters.split(";").map((text) => Number(text) || 1);
    if (final === "H" || final === "f") moveTo(row, column);
    else if (/[A-GJLMSTd]/.test(final)) end();
  };
  const takeText = (byte: number) => {
    if (byte === control.escape) mode = "escape";
    else if (byte === control.newline || byte === control.formFeed) end();
    else if (byte === control.carriageReturn) end();
    else if (byte === control.backspace) line = line.slice(0, -1);
    else if (byte >= 0x20 && byte !== control.delete) print(byte);
    else if (byte === 0x09) print(0x20);
  };
  const takeEscape = (byte: number) => {
    mode = "text";
    parameters = "";
    if (byte === 0x5b) mode = "sequence";
    else if (byte === control.escape) mode = "escape";
    else if ([0x50, 0x58, 0x5d, 0x5e, 0x5f].includes(byte)) mode = "string";
    // Intermediate octets, as of a character set's designation: one more follows.
    else if (byte >= 0x20 && byte <= 0x2f) mode = "escape";
    else if (byte < 0x20) takeText(byte);
    // RIS, IND, NEL, RI.
    else if ([0x63, 0x44, 0x45, 0x4d].includes(byte)) end();
  };
  const takeSequence = (byte: number) => {
    if (byte >= 0x40 && byte <= 0x7e) {
      mode = "text";
      finishSequence(String.fromCharCode(byte));
    } else if (byte < 0x20) {
      // A new line inside a sequence means that the sequence was cut short.
      mode = "text";
      takeText(byte);
    } else if (parameters.length < maxParameters) parameters += String.fromCharCode(byte);
    else mode = "text";
  };
  const takeString = (byte: number) => {
    if (byte === control.escape) mode = "escape";
    else if (byte === control.bell || byte === control.newline || byte === control.cancel)
      mode = "text";
  };
  const take = { text: takeText, escape: takeEscape, sequence: takeSequence, string: takeString };

  return {
    take: (data) => {
      lines = [];
      for (const byte of data) take[mode](byte);
      return lines;
    },
    get pending() {
      return line;
    },
  };
}

/** A line as an event's detail has it: octets that are not plain text as `\xNN`, and at most 256 characters. */
export function plainLine(line: string): string {
  const plain = line
    .trim()
    .replace(/[^\x20-\x7e]/g, (octet) => `\\x${octet.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return plain.length > 256 ? `${plain.slice(0, 255)}…` : plain;
}
