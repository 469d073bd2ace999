import { expect, test } from "vitest";
import { clockOffset, sntpRequest } from "../../src/preflight/sntp.ts";

const nowMs = Date.UTC(2026, 10, 21, 20, 0, 0, 250);

/** The reply of a server whose clock is `aheadMs` ahead, after 10 ms each way. */
function reply(request: Buffer, aheadMs: number, changes: (packet: Buffer) => void = () => {}) {
  const packet = sntpRequest(nowMs + aheadMs + 10);
  packet[0] = (4 << 3) | 4;
  packet[1] = 2;
  request.copy(packet, 24, 40, 48);
  packet.copy(packet, 32, 40, 48);
  changes(packet);
  return packet;
}

test.each([0, 1, 2500, -86_400_000, 1e11])("an offset of %s ms is read from the reply", (ahead) => {
  const request = sntpRequest(nowMs);
  expect(clockOffset(request, reply(request, ahead), nowMs + 20)).toBeCloseTo(ahead, 1);
});

test("a time of the next era, from 2036 on, is read as such", () => {
  const request = sntpRequest(Date.UTC(2036, 1, 7));
  const later = reply(request, 0);
  sntpRequest(Date.UTC(2036, 1, 8)).copy(later, 32, 40, 48);
  later.copy(later, 40, 32, 40);
  expect(clockOffset(request, later, Date.UTC(2036, 1, 7))).toBeCloseTo(86_400_000, 0);
});

test.each<[string, (packet: Buffer) => void]>([
  [
    "a server that does not know the time",
    (packet) => packet.writeUInt8((3 << 6) | (4 << 3) | 4, 0),
  ],
  ["a kiss-o'-death", (packet) => packet.writeUInt8(0, 1)],
  ["stratum 16", (packet) => packet.writeUInt8(16, 1)],
  ["an answer to another question", (packet) => packet.writeUInt32BE(1, 24)],
  ["a client's packet", (packet) => packet.writeUInt8((4 << 3) | 3, 0)],
])("%s gives no offset", (_, change) => {
  const request = sntpRequest(nowMs);
  expect(clockOffset(request, reply(request, 0, change), nowMs)).toBeUndefined();
});

test("a reply that is cut short gives no offset", () => {
  const request = sntpRequest(nowMs);
  for (let length = 0; length < 48; length += 1)
    expect(clockOffset(request, reply(request, 0).subarray(0, length), nowMs)).toBeUndefined();
});
