// What a BMC says of itself before anybody logs in: Get Channel Authentication Capabilities (IPMI 2.0 §22.13) and Get Channel
// Cipher Suites (§22.15).

import { type CipherSuiteRecord, decodeCipherSuiteRecords } from "./cipher-suites.ts";
import type { Link } from "./link.ts";
import { decodeResponse, encodeRequest, netFns } from "./message.ts";
import { decodeDatagram, encodePlain } from "./packet.ts";

// "The channel this came in by", and the level asked for: administrator.
const thisChannel = 0x0e;
const extendedData = 0x80;
const administrator = 0x04;
const waitsMs = [1000, 1500, 2500];

const getAuthenticationCapabilities = 0x38;
const getCipherSuites = 0x54;

export interface AuthenticationCapabilities {
  readonly ipmi20: boolean;
  /** It has a key of its own (K_G) besides the users' passwords. */
  readonly needsBmcKey: boolean;
  /** Anybody may log in without a name and a password. */
  readonly anonymousLogin: boolean;
  /** A user without a name but with a password. */
  readonly nullUser: boolean;
  /** Authentication "none" is accepted for sessions of IPMI 1.5. */
  readonly noneAccepted: boolean;
}

/** Asks without logging in. Undefined when nothing answers within some seconds. */
export async function authenticationCapabilities(
  link: Link,
  signal?: AbortSignal,
): Promise<AuthenticationCapabilities | undefined> {
  const data = Buffer.of(thisChannel | extendedData, administrator);
  const answer = await askPlain(link, getAuthenticationCapabilities, data, signal);
  return answer === undefined ? undefined : decodeAuthenticationCapabilities(answer);
}

/** Reads the response data (table 22-15). */
function decodeAuthenticationCapabilities(data: Buffer): AuthenticationCapabilities | undefined {
  if (data.length < 4) return undefined;
  const types = data.readUInt8(1);
  const status = data.readUInt8(2);
  const extended = data.readUInt8(3);
  return {
    ipmi20: (types & 0x80) !== 0 && (extended & 0x02) !== 0,
    needsBmcKey: (status & 0x20) !== 0,
    nullUser: (status & 0x02) !== 0,
    anonymousLogin: (status & 0x01) !== 0,
    noneAccepted: (types & 0x01) !== 0,
  };
}

/** The cipher suites a BMC has, asked without logging in. Undefined when it does not answer that, as several do not. */
export async function offeredSuites(
  link: Link,
  signal?: AbortSignal,
): Promise<readonly CipherSuiteRecord[] | undefined> {
  const parts: Buffer[] = [];
  // 64 times 16 octets are all there can be (§22.15).
  for (let index = 0; index < 64; index += 1) {
    const data = Buffer.of(thisChannel, 0x00, 0x80 | index);
    const answer = await askPlain(link, getCipherSuites, data, signal);
    if (answer === undefined) return undefined;
    parts.push(answer.subarray(1));
    if (answer.length < 17) break;
  }
  const records = decodeCipherSuiteRecords(Buffer.concat(parts));
  return "malformed" in records ? undefined : records;
}

async function askPlain(
  link: Link,
  command: number,
  data: Buffer,
  signal?: AbortSignal,
): Promise<Buffer | undefined> {
  const request = encodePlain(encodeRequest({ netFn: netFns.app, command, data, sequence: 0 }));
  return await link.ask(
    {
      datagram: () => request,
      answer: (datagram) => {
        const packet = decodeDatagram(datagram);
        if (!("kind" in packet) || packet.kind !== "plain") return undefined;
        const response = decodeResponse(packet.payload);
        if ("malformed" in response || response.command !== command) return undefined;
        return response.completion === 0 ? response.data : Buffer.alloc(0);
      },
      waitsMs,
    },
    signal,
  );
}
