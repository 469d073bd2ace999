// What a machine may do to the operator's terminal: draw on it. Strings for the terminal itself (its title, the clipboard, files)
// and reports of its window are left out, for the machine is not trusted.

/** Takes what the machine printed, in whatever pieces, and gives what may be shown. */
export type ScreenFilter = (data: Buffer) => Buffer;

const esc = 0x1b;
const bell = 0x07;
const maxSequenceBytes = 64;

type Mode = "text" | "escape" | "sequence" | "string" | "string-escape";

export function createScreenFilter(): ScreenFilter {
  let mode: Mode = "text";
  // The sequence that has not ended: it is shown whole or not at all.
  let held: number[] = [];

  const show = (octet: number): readonly number[] => {
    const shown = [...held, octet];
    held = [];
    mode = "text";
    return shown;
  };
  const drop = (next: Mode): readonly number[] => {
    held = [];
    mode = next;
    return [];
  };
  const hold = (octet: number, next: Mode): readonly number[] => {
    held.push(octet);
    mode = next;
    return held.length > maxSequenceBytes ? drop("text") : [];
  };
  const take: Readonly<Record<Mode, (octet: number) => readonly number[]>> = {
    text: (octet) => (octet === esc ? hold(octet, "escape") : [octet]),
    escape: (octet) => {
      if (octet === esc) return [];
      if (octet === 0x5b) return hold(octet, "sequence");
      // DCS, SOS, OSC, PM, APC (ECMA-48 §5.6).
      if ([0x50, 0x58, 0x5d, 0x5e, 0x5f].includes(octet)) return drop("string");
      return octet >= 0x20 && octet <= 0x2f ? hold(octet, "escape") : show(octet);
    },
    sequence: (octet) => {
      // Another sequence begins; other controls act although they stand in the middle of one.
      if (octet === esc) {
        held = [];
        return hold(octet, "escape");
      }
      if (octet < 0x20) return [octet];
      if (octet < 0x40 || octet > 0x7e) return hold(octet, "sequence");
      // XTWINOPS: moves and reports the window.
      return octet === 0x74 ? drop("text") : show(octet);
    },
    string: (octet) => {
      if (octet === esc) return drop("string-escape");
      return octet === bell ? drop("text") : [];
    },
    "string-escape": (octet) => drop(octet === 0x5c ? "text" : "string"),
  };
  return (data) => Buffer.from([...data].flatMap((octet) => take[mode](octet)));
}
