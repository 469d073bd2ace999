// Cipher suites of RMCP+ (IPMI 2.0 §22.15.1, table 22-20; suite 17 is of errata 4) and their algorithms.

import type { Malformed } from "./packet.ts";

/** Numbers of tables 13-17 (authentication), 13-18 (integrity) and 13-19 (confidentiality). */
export interface Algorithms {
  readonly authentication: number;
  readonly integrity: number;
  readonly confidentiality: number;
}

export interface CipherSuite extends Algorithms {
  readonly id: 3 | 17;
  readonly hash: "sha1" | "sha256";
  /** Octets of an authentication code behind a packet, and of the integrity check value in RAKP message 4. */
  readonly codeLength: 12 | 16;
}

const suite3: CipherSuite = {
  ...{ id: 3, hash: "sha1", codeLength: 12 },
  ...{ authentication: 1, integrity: 1, confidentiality: 1 },
};
const suite17: CipherSuite = {
  ...{ id: 17, hash: "sha256", codeLength: 16 },
  ...{ authentication: 3, integrity: 4, confidentiality: 1 },
};

/** The suite of that number. Only these two are ever spoken: both authenticate, check and encrypt. */
export function cipherSuite(id: 3 | 17): CipherSuite {
  return id === 17 ? suite17 : suite3;
}

/** The suite with these algorithms, for who answers an Open Session Request. */
export function findCipherSuite(algorithms: Algorithms): CipherSuite | undefined {
  return [suite17, suite3].find(
    (suite) =>
      suite.authentication === algorithms.authentication &&
      suite.integrity === algorithms.integrity &&
      suite.confidentiality === algorithms.confidentiality,
  );
}

/** What a BMC says of one suite. OEM suites have an IANA enterprise number. */
export interface CipherSuiteRecord extends Algorithms {
  readonly id: number;
  readonly enterprise?: number;
}

/**
 * Reads the records of Get Channel Cipher Suites, all its answers joined (tables 22-18 and 22-19). An algorithm that is not
 * named is 0, which is none. Total: gives what is wrong with them instead of throwing.
 */
export function decodeCipherSuiteRecords(bytes: Buffer): readonly CipherSuiteRecord[] | Malformed {
  const records: CipherSuiteRecord[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const start = bytes[offset];
    const headLength = start === 0xc0 ? 2 : start === 0xc1 ? 5 : undefined;
    if (headLength === undefined)
      return { malformed: `octet ${offset} is ${start}, not the start of a cipher suite` };
    const head = bytes.subarray(offset, offset + headLength);
    if (head.length < headLength) return { malformed: "ends inside a cipher suite" };
    offset += headLength;
    let end = offset;
    while (end < bytes.length && (bytes[end] ?? 0) < 0xc0) end += 1;
    records.push({
      id: head.readUInt8(1),
      ...(headLength === 5 && { enterprise: head.readUIntLE(2, 3) }),
      ...algorithmsOf(bytes.subarray(offset, end)),
    });
    offset = end;
  }
  return records;
}

// The two high bits are the kind of algorithm, the others its number.
function algorithmsOf(tags: Buffer): Algorithms {
  const first = (kind: number) => (tags.find((tag) => tag >> 6 === kind) ?? 0) & 0x3f;
  return { authentication: first(0), integrity: first(1), confidentiality: first(2) };
}

/** The records of `suites` as a BMC gives them. */
export function encodeCipherSuiteRecords(suites: readonly CipherSuiteRecord[]): Buffer {
  return Buffer.from(
    suites.flatMap(({ id, authentication, integrity, confidentiality }) => [
      ...[0xc0, id],
      ...[authentication, 0x40 | integrity, 0x80 | confidentiality],
    ]),
  );
}
