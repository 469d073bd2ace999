// What is typed at a console, with the escapes of ssh taken out: `~` at the start of a line and a letter. Pure.

export type Typed =
  | { readonly kind: "send"; readonly data: Buffer }
  | { readonly kind: "break" }
  | { readonly kind: "help" }
  | { readonly kind: "end" };

export interface ConsoleKeys {
  /** Takes what the keyboard gave, in whatever pieces. */
  take(data: Buffer): Typed[];
}

export const escapeHelp = [
  "at the start of a line:",
  "~.  end (the machine stays as it is)",
  "~B  send a break",
  "~~  type a ~",
  "~?  this help",
] as const;

const tilde = 0x7e;
const lineEnds = [0x0a, 0x0d];

export function createConsoleKeys(): ConsoleKeys {
  let atLineStart = true;
  let escaping = false;

  const takeOctet = (octet: number): Typed => {
    const send = (...octets: readonly number[]): Typed => ({
      kind: "send",
      data: Buffer.from(octets),
    });
    if (escaping) {
      escaping = false;
      const command = commands.get(octet);
      if (command !== undefined) return command;
      atLineStart = lineEnds.includes(octet);
      return octet === tilde ? send(tilde) : send(tilde, octet);
    }
    if (atLineStart && octet === tilde) {
      escaping = true;
      return send();
    }
    atLineStart = lineEnds.includes(octet);
    return send(octet);
  };

  return { take: (data) => joined([...data].map(takeOctet)) };
}

// After one of them the cursor is at the start of a line still: ssh takes another escape there, too.
const commands = new Map<number, Typed>([
  [0x2e, { kind: "end" }],
  [0x42, { kind: "break" }],
  [0x3f, { kind: "help" }],
]);

/** Octets that follow each other as one piece; nothing behind an end. */
function joined(typed: readonly Typed[]): Typed[] {
  const all: Typed[] = [];
  for (const one of typed) {
    const last = all.at(-1);
    if (last?.kind === "end") break;
    if (one.kind !== "send") all.push(one);
    else if (last?.kind === "send")
      all.splice(-1, 1, { kind: "send", data: Buffer.concat([last.data, one.data]) });
    else if (one.data.length > 0) all.push(one);
  }
  return all;
}
