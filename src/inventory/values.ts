// The single values an inventory is made of, each with the words for one that is wrong.

import { z } from "zod";
import { type Cidr, parseCidr } from "../net/cidr.ts";
import { type Ipv4, ipv4FromNumber, ipv4ToNumber, parseIpv4 } from "../net/ipv4.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import { issueMessage, mismatch } from "./messages.ts";

const expecting = (expected: string) => ({
  error: ({ input }: { readonly input?: unknown }) => mismatch(input, expected),
});

/** Text of this pattern; `expected` reads like "a host name of lower-case letters". Editors show it, too. */
export const matching = (pattern: RegExp, expected: string) =>
  z.string(expecting(expected)).regex(pattern, expecting(expected)).meta({ description: expected });

// What the program hands on to shells, scripts, JSON and Nix: no quotes, no $, no backslash, nothing that does not print.
export const filePath = matching(
  /^[A-Za-z0-9_.,:/@=+~%() -]{1,1024}$/,
  "a path of letters, digits, blanks and _ . , : / @ = + ~ % ( ) -",
);
export const flakeReference = matching(
  /^[A-Za-z0-9_.,:/@=+~%?&-]{1,1024}$/,
  "a flake such as /srv/provisioning or github:owner/name, without # and what follows",
);
/** One argument of a program that is started without a shell. */
export const argument = matching(
  /^[\x20-\x7e]{1,4096}$/,
  "one argument of printable ASCII characters",
);
/** A line that people wrote for people. */
export const note = matching(
  /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{0,200}$/u,
  "one line of at most 200 characters that print",
);

export const hostLabel = matching(
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  "a host name of lower-case letters, digits and inner hyphens, at most 63",
);
export const domainName = matching(
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
  "a domain name in lower case such as example.com",
);
export const interfaceName = matching(
  /^[A-Za-z0-9._-]{1,15}$/,
  "the name of a network interface such as eth0",
);

/** Text that `parse` takes. `pattern` is what editors know of it. `hint` may have better words for a value that is wrong in a way that is often met. */
function parsed<T>(
  parse: (text: string) => T | undefined,
  expected: string,
  pattern: RegExp,
  hint: (text: string) => string | undefined = () => undefined,
) {
  return z
    .string(expecting(expected))
    .meta({ description: expected, pattern: pattern.source })
    .transform((text, ctx): T => {
      const value = parse(text);
      if (value !== undefined) return value;
      ctx.addIssue({ code: "custom", message: hint(text) ?? mismatch(text, expected) });
      return z.NEVER;
    });
}

/** For the network of a VLAN that is written with the VLAN's number in it, such as 10.0.300.0/24. */
function largePart(what: string): (text: string) => string | undefined {
  return (text) => {
    const parts = /^(\d{1,4})\.(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:\/\d{1,2})?$/.exec(text)?.slice(1);
    const large = parts?.find((part) => Number(part) > 255);
    return large === undefined
      ? undefined
      : `"${text}" is not ${what}: each of its four parts is 0 to 255, and ${large} is more; the number of a VLAN is written as vlan: ${large}`;
  };
}

function networkHint(text: string): string | undefined {
  const [address = "", prefix = ""] = text.split("/");
  const number = parseIpv4(address);
  if (number === undefined || !/^(?:[0-9]|[12][0-9]|3[0-2])$/.test(prefix))
    return largePart("a network")(text);
  const hostBits = 2 ** (32 - Number(prefix));
  const network = ipv4FromNumber(Math.floor(ipv4ToNumber(number) / hostBits) * hostBits);
  return `"${text}" is the address of a machine in a network: write the network as ${network}/${prefix}`;
}

export const ipv4 = parsed<Ipv4>(
  parseIpv4,
  "an IPv4 address such as 10.0.100.50",
  /^\d{1,3}(\.\d{1,3}){3}$/,
  largePart("an IPv4 address"),
);
export const cidr = parsed<Cidr>(
  parseCidr,
  "a network such as 10.0.100.0/24 (host bits zero)",
  /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/,
  networkHint,
);
export const mac = parsed<Mac>(
  parseMac,
  "a MAC address such as 52:54:00:12:34:56",
  /^[0-9A-Fa-f]{2,4}([:.-]?[0-9A-Fa-f]{2,4}){2,5}$/,
);
export const port = z.int().min(1).max(65535);

const alternatives = new WeakMap<object, readonly z.ZodType[]>();

/** The ways in which a value that `either` made may be written. */
export function alternativesOf(schema: object): readonly z.ZodType[] {
  return alternatives.get(schema) ?? [];
}

/**
 * A value that may be written in two ways, told apart by `isSecond`. Unlike a union, what is wrong inside
 * is told where it stands, in the words of the way that was meant.
 */
export function either<A extends z.ZodType, B extends z.ZodType>(
  first: A,
  second: B,
  isSecond: (input: unknown) => boolean,
) {
  const any = z.custom<z.input<A> | z.input<B>>();
  alternatives.set(any, [first, second]);
  return any.transform((input, ctx): z.output<A> | z.output<B> => {
    const read = (isSecond(input) ? second : first).safeParse(input, { error: issueMessage });
    if (read.success) return read.data;
    for (const issue of read.error.issues)
      ctx.issues.push({ ...issue, input } as z.core.$ZodRawIssue);
    return z.NEVER;
  });
}
