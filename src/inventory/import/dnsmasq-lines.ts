// The settings of dnsmasq.conf(5), one a line: `NAME`, or `NAME=VALUE`. Knows no setting.

import { maxWords, type Place, unreadable } from "./source.ts";

export interface Setting {
  readonly name: string;
  /** The parts between commas, without quotation marks; none for a setting without a value. */
  readonly parts: readonly string[];
  /** As it is written, for the operator. */
  readonly text: string;
  readonly place: Place;
}

const macLine = /^(?:[0-9a-fA-F]{2}-)?(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2},/;

/** All settings of a file. A line of a dhcp-hostsfile, which starts with a MAC, counts as dhcp-host. */
export function readSettings(text: string, file: string): Setting[] {
  return text.split("\n").flatMap((line, i) => {
    const place = { file, line: i + 1, column: line.length - line.trimStart().length + 1 };
    const written = withoutComment(line).trim();
    if (written === "") return [];
    if (i > maxWords) unreadable(place, `there are more than ${maxWords} lines: split the file up`);
    if (macLine.test(written))
      return [{ name: "dhcp-host", parts: split(written), text: written, place }];
    const equals = written.indexOf("=");
    const name = (equals === -1 ? written : written.slice(0, equals)).trim().replace(/^--/, "");
    if (!/^[a-z0-9-]{1,40}$/.test(name))
      unreadable(place, "this is no setting of dnsmasq: write NAME or NAME=VALUE, one a line");
    return [
      { name, parts: equals === -1 ? [] : split(written.slice(equals + 1)), text: written, place },
    ];
  });
}

/** A # starts a comment at the beginning of a line and behind a blank. */
function withoutComment(line: string): string {
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at];
    if (character === '"') quoted = !quoted;
    if (character === "#" && !quoted && /^\s?$/.test(line[at - 1] ?? "")) return line.slice(0, at);
  }
  return line;
}

function split(text: string): string[] {
  const parts = [""];
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    else if (character === "," && !quoted) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/** `45m`, `12h`, `3600`, `infinite`; undefined when it is no time. */
export function parseTime(text: string): number | undefined {
  if (text === "infinite") return Number.POSITIVE_INFINITY;
  const [, number = "", unit = ""] = /^(\d{1,9})([smhdw]?)$/.exec(text) ?? [];
  return number === "" ? undefined : Number(number) * (units[unit] ?? 1);
}
