// An IPv4 address as a value: four decimal parts without leading zeros, and its 32-bit number.

export type Ipv4 = string & { readonly __brand: "Ipv4" };

export const anyAddress = "0.0.0.0" as Ipv4;
export const broadcastAddress = "255.255.255.255" as Ipv4;

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const dotted = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

/** Parses exactly four decimal parts. `010.1.1.1` and `10.1` are refused: other tools read them as other addresses. */
export function parseIpv4(text: string): Ipv4 | undefined {
  return dotted.test(text) ? (text as Ipv4) : undefined;
}

/** The address as an unsigned 32-bit number. */
export function ipv4ToNumber(address: Ipv4): number {
  // Several times for every datagram, so without the arrays that split() would make.
  let value = 0;
  let part = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === dot) {
      value = value * 256 + part;
      part = 0;
    } else part = part * 10 + code - zero;
  }
  return value * 256 + part;
}

const dot = ".".charCodeAt(0);
const zero = "0".charCodeAt(0);

/** The address of an unsigned 32-bit number; throws a RangeError for anything else. */
export function ipv4FromNumber(value: number): Ipv4 {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
    throw new RangeError(`not an IPv4 number: ${value}`);
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Ipv4;
}
