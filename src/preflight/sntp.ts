// The one question and answer of SNTP (RFC 5905 §14): packets without sockets.

/** Seconds from 1900, the era of NTP, to 1970. */
const eraSeconds = 2_208_988_800;
const fraction = 2 ** 32;

/** A client's request (version 4, mode 3) that leaves at `nowMs` since 1970. */
export function sntpRequest(nowMs: number): Buffer {
  const packet = Buffer.alloc(48);
  packet[0] = (4 << 3) | 3;
  writeTimestamp(packet, 40, nowMs);
  return packet;
}

/**
 * By how much the server's clock is ahead, in milliseconds, from the reply to `request` that came at `receivedMs`. Undefined for what
 * is no reply to it, and for a server that says itself that it does not know the time (leap indicator 3, stratum 0 or 16).
 */
export function clockOffset(
  request: Buffer,
  reply: Buffer,
  receivedMs: number,
): number | undefined {
  if (reply.length < 48) return undefined;
  const first = reply[0] ?? 0;
  const stratum = reply[1] ?? 0;
  const isReply = (first & 7) === 4 && reply.subarray(24, 32).equals(request.subarray(40, 48));
  if (!isReply || first >> 6 === 3 || stratum === 0 || stratum > 15) return undefined;
  const sentMs = readTimestamp(request, 40);
  const heardMs = readTimestamp(reply, 32);
  const answeredMs = readTimestamp(reply, 40);
  return (heardMs - sentMs + (answeredMs - receivedMs)) / 2;
}

function writeTimestamp(packet: Buffer, at: number, ms: number): void {
  const seconds = Math.floor(ms / 1000);
  packet.writeUInt32BE((seconds + eraSeconds) % fraction, at);
  packet.writeUInt32BE(Math.floor(((ms - seconds * 1000) / 1000) * fraction), at + 4);
}

/** Era 1 begins in 2036: a small number of seconds is of that era. */
function readTimestamp(packet: Buffer, at: number): number {
  const seconds = packet.readUInt32BE(at);
  const era = seconds < 0x8000_0000 ? fraction : 0;
  return (seconds + era - eraSeconds) * 1000 + (packet.readUInt32BE(at + 4) / fraction) * 1000;
}
