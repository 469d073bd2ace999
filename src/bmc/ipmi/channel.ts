// What a BMC says of itself before anybody logs in: Get Channel Authentication Capabilities (IPMI 2.0 §22.13) and Get Channel
// Cipher Suites (§22.15).

import { type CipherSuiteRecord, decodeCipherSuiteRecords } from "./cipher-suites.ts";
import type { Link } from "./link.ts";
import {
  completionCodes,
  decodeResponse,
  encodeRequest,
  type IpmiResponse,
  netFns,
} from "./message.ts";
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

/** Asks without logging in. Undefined when nothing answers within some seconds, or nothing that says it. */
export async function authenticationCapabilities(
  link: Link,
  signal?: AbortSignal,
): Promise<AuthenticationCapabilities | undefined> {
  const answer = await askCapabilities(link, signal);
  if (answer?.completion !== completionCodes.ok) return undefined;
  return decodeAuthenticationCapabilities(answer.data);
}

/** Whether there is a BMC: a refusal is an answer too. */
export async function answersAtAll(link: Link, signal?: AbortSignal): Promise<boolean> {
  return (await askCapabilities(link, signal)) !== undefined;
}

function askCapabilities(link: Link, signal?: AbortSignal): Promise<IpmiResponse | undefined> {
  const data = Buffer.of(thisChannel | extendedData, administrator);
  return askPlain(link, getAuthenticationCapabilities, data, signal);
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

/** The cipher suites a BMC has, asked without logging in. Undefined when it does not answer that or refuses, as several do. */
export async function offeredSuites(
  link: Link,
  signal?: AbortSignal,
): Promise<readonly CipherSuiteRecord[] | undefined> {
  const parts: Buffer[] = [];
  // 64 times 16 octets are all there can be (§22.15).
  for (let index = 0; index < 64; index += 1) {
    const data = Buffer.of(thisChannel, 0x00, 0x80 | index);
    const answer = await askPlain(link, getCipherSuites, data, signal);
    if (answer?.completion !== completionCodes.ok) return undefined;
    parts.push(answer.data.subarray(1));
    if (answer.data.length < 17) break;
  }
  const records = decodeCipherSuiteRecords(Buffer.concat(parts));
  return "malformed" in records ? undefined : records;
}

async function askPlain(
  link: Link,
  command: number,
  data: Buffer,
  signal?: AbortSignal,
): Promise<IpmiResponse | undefined> {
  const request = encodePlain(encodeRequest({ netFn: netFns.app, command, data, sequence: 0 }));
  return await link.ask(
    {
      datagram: () => request,
      answer: (datagram) => {
        const packet = decodeDatagram(datagram);
        if (!("kind" in packet) || packet.kind !== "plain") return undefined;
        const response = decodeResponse(packet.payload);
        return "malformed" in response || response.command !== command ? undefined : response;
      },
      waitsMs,
    },
    signal,
  );
}
