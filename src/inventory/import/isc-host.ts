// A host declaration of dhcpd.conf(5): a reservation.

import { type Ipv4, parseIpv4 } from "../../net/ipv4.ts";
import type { Mac } from "../../net/mac.ts";
import { adviceFor, firstWord, isBootStatement } from "./isc-advice.ts";
import { decodeText, type Token } from "./isc-lexer.ts";
import { formatStatement, isMark, placeOf, type Statement } from "./isc-tree.ts";
import type { OldHost } from "./model.ts";
import { parseLooseMac } from "./network.ts";
import type { Note } from "./source.ts";

/** Reads a `host` statement: what it reserves, if it names a MAC, and what of it is not carried over. */
export function readIscHost(
  statement: Statement,
  codes: ReadonlyMap<string, number>,
): { readonly host: OldHost | undefined; readonly notes: readonly Note[] } {
  let name = decodeText(statement.words[1]?.text ?? "");
  let mac: Mac | undefined;
  const addresses: Ipv4[] = [];
  const notes: Note[] = [];
  const note = (about: Statement, instead: string) =>
    notes.push({ place: placeOf(about), what: formatStatement(about), instead });

  for (const inner of statement.block ?? []) {
    const [first, second, third] = inner.words;
    if (first?.text === "hardware") {
      mac = second?.text === "ethernet" ? parseLooseMac(third?.text ?? "") : undefined;
      if (mac === undefined)
        note(inner, "rackstrap knows machines by an Ethernet MAC of six octets");
    } else if (first?.text === "fixed-address") {
      for (const word of inner.words.slice(1))
        readAddress(word, addresses, (why) => note(inner, why));
    } else if (first?.text === "option" && second?.text === "host-name")
      name = decodeText(third?.text ?? "");
    else if (isBootStatement(inner, codes))
      note(
        inner,
        "rackstrap chooses the boot file itself; a machine that needs another boot loader has it under nodes.NAME.loader",
      );
    else if (firstWord(inner) !== "dynamic") note(inner, hostAdvice(inner));
  }
  if (mac === undefined) {
    if (notes.length === 0 || !notes.some(({ what }) => what.startsWith("hardware")))
      note(
        statement,
        "rackstrap knows machines by their MAC: add the machine under nodes with its mac",
      );
    return { host: undefined, notes };
  }
  return {
    host: { place: placeOf(statement), name: name === "" ? undefined : name, mac, addresses },
    notes,
  };
}

function hostAdvice(statement: Statement): string {
  switch (firstWord(statement)) {
    case "option":
    case "default-lease-time":
    case "min-lease-time":
    case "max-lease-time":
      return "a node has no DHCP settings of its own: set it for its network, or configure it in the installed system";
    case "dhcp-client-identifier":
    case "uid":
    case "host-identifier":
      return "rackstrap knows machines by their MAC, which stays the same from firmware to installed system";
    default:
      return adviceFor(statement);
  }
}

function readAddress(word: Token, addresses: Ipv4[], refuse: (why: string) => void): void {
  if (isMark(word, ",")) return;
  const address = parseIpv4(word.text);
  if (address !== undefined) addresses.push(address);
  else refuse(`${word.text} is a name: write its address as provisioningAddress of the node`);
}
