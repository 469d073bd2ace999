// The statements of dhcpd.conf(5) that set something for a network: lease times, the interface and options.

import { decodeText, type Token } from "./isc-lexer.ts";
import { isMark, type Statement } from "./isc-tree.ts";
import type { Settings } from "./model.ts";
import {
  bootAdvice,
  isBootOption,
  type OptionReading,
  type OptionValue,
  optionCode,
  readOption,
} from "./options.ts";

const leaseTimes: Readonly<Record<string, keyof Settings>> = {
  "default-lease-time": "leaseSeconds",
  "min-lease-time": "minLeaseSeconds",
  "max-lease-time": "maxLeaseSeconds",
};

// What rackstrap carries over under whatever name a file gives it.
const knownCodes: ReadonlySet<number> = new Set([119, 121, 249]);

/** `option NAME code N = TYPE`: the name and number; `instead` where what the option carries has no counterpart. */
export function readDefinition({
  words,
  block,
}: Statement): { name: string; code: number; instead?: string } | undefined {
  const [first, name, keyword, number] = words.map(({ text }) => text);
  const code = Number(number);
  if (block !== undefined || first !== "option" || name === undefined) return undefined;
  if (keyword !== "code" || !Number.isInteger(code)) return undefined;
  if (isBootOption(name, code)) return { name, code, instead: bootAdvice };
  if (!name.includes(".") && knownCodes.has(code)) return { name, code };
  const instead = "rackstrap sends no options of your own: configure it in the installed system";
  // The number within another option space is no option number.
  return { name, code: name.includes(".") ? 0 : code, instead };
}

/** Reads a lease time, `interface` or an option; undefined for any other statement. */
export function readSetting(
  { words, block }: Statement,
  codes: ReadonlyMap<string, number>,
): OptionReading | undefined {
  const [first, second, third] = words;
  if (block !== undefined || first === undefined || second === undefined) return undefined;
  const leaseTime = leaseTimes[first.text];
  if (leaseTime !== undefined && Object.hasOwn(leaseTimes, first.text))
    return readLeaseTime(leaseTime, second.text);
  if (first.text === "interface") return readInterface(decodeText(second.text));
  if (first.text !== "option") return undefined;
  const name = second.text;
  if (name === "space") return spaceAdvice(third?.text ?? "");
  return readOption(name, codes.get(name) ?? optionCode(name), optionValue(words.slice(2)));
}

function readLeaseTime(key: keyof Settings, text: string): OptionReading {
  const seconds = Number(text);
  // All ones is a lease without an end (RFC 2132 §9.2).
  if (!Number.isInteger(seconds) || seconds < 0 || seconds >= 0xffffffff)
    return { instead: `leases end here: set ${key} of the network to a number of seconds` };
  return { settings: { [key]: seconds }, remarks: [] };
}

function readInterface(name: string): OptionReading {
  if (!/^[A-Za-z0-9._-]{1,15}$/.test(name))
    return { instead: `"${name}" is no interface name: set interface of the network` };
  return { settings: { interface: name }, remarks: [] };
}

function spaceAdvice(space: string): OptionReading {
  return isBootOption(`${space}.`, undefined)
    ? { instead: bootAdvice }
    : {
        instead: "rackstrap has no option spaces of its own: configure it in the installed system",
      };
}

function optionValue(words: readonly Token[]): OptionValue {
  const items = words.filter((word) => !isMark(word, ",")).map(({ text }) => decodeText(text));
  const [only = ""] = items;
  // `option domain-name 65:78:2e` gives the octets themselves.
  if (
    items.length === 1 &&
    words[0]?.kind === "word" &&
    /^[0-9a-f]{1,2}(:[0-9a-f]{1,2})+$/i.test(only)
  )
    return { octets: Buffer.from(only.split(":").map((octet) => Number.parseInt(octet, 16))) };
  return { items };
}
