// IPMI datagrams as bytes and back: RMCP, the session header of IPMI 1.5 (as used before a session) and that of RMCP+
// (IPMI 2.0 §13.6, tables 13-8 and 13-1). Keys and their trailer are in sealed.ts, what a payload says in message.ts and rakp.ts.

//  RMCP: version 06 | reserved 00 | sequence FF (no RMCP ACK) | class 07 (IPMI), IPMI 2.0 §13.1.3
const rmcpHeader = Buffer.from([0x06, 0x00, 0xff, 0x07]);

/** Table 13-16. */
export const payloadTypes = {
  ipmi: 0x00,
  sol: 0x01,
  openSessionRequest: 0x10,
  openSessionResponse: 0x11,
  rakp1: 0x12,
  rakp2: 0x13,
  rakp3: 0x14,
  rakp4: 0x15,
} as const;

const formatNone = 0x00;
const formatRmcpPlus = 0x06;
const encryptedBit = 0x80;
const authenticatedBit = 0x40;
const headerLength = 16;

/** A datagram outside any session. IPMI 1.5 carries what a BMC is asked before its version is known. */
export interface PlainDatagram {
  readonly kind: "plain";
  readonly payload: Buffer;
}

/** A datagram of RMCP+. `covered` and `trailer` are what its authentication code is checked with. */
export interface RmcpPlusDatagram {
  readonly kind: "rmcp+";
  readonly payloadType: number;
  readonly encrypted: boolean;
  readonly authenticated: boolean;
  readonly sessionId: number;
  readonly sequence: number;
  readonly payload: Buffer;
  /** All octets behind the RMCP header. */
  readonly afterRmcp: Buffer;
  /** The octets behind the payload: padding, its length, next header, authentication code. */
  readonly trailer: Buffer;
}

export interface Malformed {
  readonly malformed: string;
}

/** Reads a datagram. Total: says what is wrong with it instead of throwing. The views are of `datagram`'s memory. */
export function decodeDatagram(datagram: Buffer): PlainDatagram | RmcpPlusDatagram | Malformed {
  if (datagram.length < 5) return { malformed: `${datagram.length} octets are no IPMI datagram` };
  if (datagram[0] !== 0x06 || ((datagram[3] ?? 0) & 0x9f) !== 0x07)
    return { malformed: "not RMCP version 6 of class IPMI" };
  const afterRmcp = datagram.subarray(4);
  const format = afterRmcp[0];
  if (format === formatRmcpPlus) return decodeRmcpPlus(afterRmcp);
  if (format === formatNone) return decodePlain(afterRmcp);
  return { malformed: `authentication type ${format} is not of IPMI 2.0` };
}

//  +------+----------+------------+--------+---------+
//  | 00   | sequence | session id | length | payload |
//  +------+----------+------------+--------+---------+
//     1        4           4           1      length
function decodePlain(afterRmcp: Buffer): PlainDatagram | Malformed {
  const length = afterRmcp[9];
  if (length === undefined) return { malformed: "shorter than a session header" };
  const payload = afterRmcp.subarray(10, 10 + length);
  if (payload.length < length) return { malformed: "shorter than its payload length" };
  return { kind: "plain", payload };
}

//  +----+------+------------+----------+--------+---------+-----------------------------------+
//  | 06 | type | session id | sequence | length | payload | [ FF… | pad length | 07 | code ]   |
//  +----+------+------------+----------+--------+---------+-----------------------------------+
//    1     1         4           4         2      length     only with the authenticated bit
function decodeRmcpPlus(afterRmcp: Buffer): RmcpPlusDatagram | Malformed {
  if (afterRmcp.length < 12) return { malformed: "shorter than an RMCP+ header" };
  const type = afterRmcp.readUInt8(1);
  const payloadType = type & 0x3f;
  if (payloadType === 0x02) return { malformed: "an OEM payload" };
  const length = afterRmcp.readUInt16LE(10);
  if (afterRmcp.length < 12 + length) return { malformed: "shorter than its payload length" };
  return {
    kind: "rmcp+",
    payloadType,
    encrypted: (type & encryptedBit) !== 0,
    authenticated: (type & authenticatedBit) !== 0,
    sessionId: afterRmcp.readUInt32LE(2),
    sequence: afterRmcp.readUInt32LE(6),
    payload: afterRmcp.subarray(12, 12 + length),
    afterRmcp,
    trailer: afterRmcp.subarray(12 + length),
  };
}

/** A message outside a session in the form of IPMI 1.5, which every BMC reads. */
export function encodePlain(payload: Buffer): Buffer {
  const header = Buffer.alloc(10);
  header[9] = payload.length;
  return Buffer.concat([rmcpHeader, header, payload]);
}

export interface RmcpPlusHeader {
  readonly payloadType: number;
  readonly encrypted?: boolean;
  readonly authenticated?: boolean;
  readonly sessionId: number;
  readonly sequence: number;
}

/** An RMCP+ datagram without its trailer. */
export function encodeRmcpPlus(header: RmcpPlusHeader, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(headerLength + payload.length);
  rmcpHeader.copy(bytes);
  bytes[4] = formatRmcpPlus;
  bytes[5] =
    header.payloadType |
    (header.encrypted === true ? encryptedBit : 0) |
    (header.authenticated === true ? authenticatedBit : 0);
  bytes.writeUInt32LE(header.sessionId, 6);
  bytes.writeUInt32LE(header.sequence, 10);
  bytes.writeUInt16LE(payload.length, 14);
  payload.copy(bytes, headerLength);
  return bytes;
}
