// A MAC address as a value: lower-case hexadecimal with colons, everywhere inside the program.

export type Mac = string & { readonly __brand: "Mac" };

const canonical = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** Parses `52:54:00:12:34:56`, `52-54-00-12-34-56`, `5254.0012.3456` or `525400123456`; undefined when it is none of them. */
export function parseMac(text: string): Mac | undefined {
  const digits = text.trim().toLowerCase();
  const accepted =
    canonical.test(digits) ||
    /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/.test(digits) ||
    /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/.test(digits) ||
    /^[0-9a-f]{12}$/.test(digits);
  if (!accepted) return undefined;
  const pairs = digits.replace(/[^0-9a-f]/g, "").match(/../g);
  return pairs?.join(":") as Mac | undefined;
}

/** The first six octets of `bytes` as a MAC, or undefined when there are fewer. */
export function macFromBytes(bytes: Uint8Array): Mac | undefined {
  const [a, b, c, d, e, f] = bytes;
  if (a === undefined || b === undefined || c === undefined) return undefined;
  if (d === undefined || e === undefined || f === undefined) return undefined;
  return `${hex[a]}:${hex[b]}:${hex[c]}:${hex[d]}:${hex[e]}:${hex[f]}` as Mac;
}

const hex = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** The six octets, as they stand in `chaddr`. */
export function macToBytes(mac: Mac): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}
