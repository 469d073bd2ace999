import { expect, test } from "vitest";
import { decodeSol, encodeSol, type SolPacket } from "../../../src/bmc/ipmi/sol.ts";
import { createSolTransfer } from "../../../src/bmc/ipmi/sol-transfer.ts";

function packet(payload: Buffer | undefined): SolPacket {
  const decoded = decodeSol(payload ?? Buffer.alloc(0));
  if ("malformed" in decoded) throw new Error(decoded.malformed);
  return decoded;
}

const from = (text: string) => Buffer.from(text, "latin1");
const printed = (sequence: number, text: string) =>
  packet(encodeSol({ sequence, data: from(text) }));
const taken = (acknowledged: number, accepted: number, nack = false) =>
  packet(encodeSol({ acknowledged, accepted, nack }));

test("what the machine prints is acknowledged and given once, however often it is sent", () => {
  const transfer = createSolTransfer(64);
  const first = transfer.receive(printed(1, "abc"), 0);
  expect(first.printed.toString()).toBe("abc");
  expect(packet(first.send[0])).toMatchObject({ sequence: 0, acknowledged: 1, accepted: 3 });
  const again = transfer.receive(printed(1, "abc"), 0);
  expect(again.printed).toHaveLength(0);
  expect(packet(again.send[0])).toMatchObject({ acknowledged: 1, accepted: 3 });
});

test("of a repeated packet that has grown, only what is new is given", () => {
  const transfer = createSolTransfer(64);
  transfer.receive(printed(4, "abc"), 0);
  expect(transfer.receive(printed(4, "abcdef"), 0).printed.toString()).toBe("def");
});

test("one packet is under way at a time, of no more octets than the BMC takes", () => {
  const transfer = createSolTransfer(4);
  expect(transfer.type(from("abcdef"), 0).map(packet)).toMatchObject([
    { sequence: 1, data: from("abcd") },
  ]);
  expect(transfer.type(from("g"), 0)).toEqual([]);
  expect(transfer.receive(taken(1, 4), 0).send.map(packet)).toMatchObject([
    { sequence: 2, data: from("efg") },
  ]);
  expect(transfer.pending).toBe(3);
  transfer.receive(taken(2, 3), 0);
  expect(transfer.pending).toBe(0);
});

test("what the BMC did not take is sent in the next packet", () => {
  const transfer = createSolTransfer(64);
  transfer.type(from("abcdef"), 0);
  expect(transfer.receive(taken(1, 2), 0).send.map(packet)).toMatchObject([
    { sequence: 2, data: from("cdef") },
  ]);
});

test("a BMC that takes nothing is asked again after a while, not at once", () => {
  const transfer = createSolTransfer(64);
  transfer.type(from("abc"), 0);
  expect(transfer.receive(taken(1, 0, true), 0).send).toEqual([]);
  expect(transfer.type(from("d"), 100)).toEqual([]);
  expect(transfer.deadline).toBe(700);
  expect(transfer.wake(700)?.map(packet)).toMatchObject([{ sequence: 2, data: from("abcd") }]);
});

test("an acknowledgement of something else changes nothing", () => {
  const transfer = createSolTransfer(64);
  transfer.type(from("a"), 0);
  expect(transfer.receive(taken(9, 1), 0).send).toEqual([]);
  expect(transfer.pending).toBe(1);
});

test("sequence numbers go from 1 to 15 and begin anew", () => {
  const transfer = createSolTransfer(1);
  const sequences: number[] = [];
  let [next] = transfer.type(from("0123456789abcdefgh"), 0);
  while (next !== undefined) {
    const { sequence } = packet(next);
    sequences.push(sequence);
    [next] = transfer.receive(taken(sequence, 1), 0).send;
  }
  expect(sequences).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1, 2, 3]);
});

test("what is not acknowledged is repeated, and given up after eight times", () => {
  const transfer = createSolTransfer(64);
  const [sent] = transfer.type(from("a"), 0);
  let repeats = 0;
  for (let now = 0; transfer.deadline !== undefined && repeats < 100; repeats += 1) {
    now = transfer.deadline;
    const again = transfer.wake(now);
    if (again === undefined) break;
    expect(again).toEqual([sent]);
  }
  expect(repeats).toBe(7);
});

test("a break goes out before what was typed after it, and alone", () => {
  const transfer = createSolTransfer(64);
  expect(transfer.sendBreak(0).map(packet)).toMatchObject([{ sendBreak: true, data: from("") }]);
  transfer.type(from("a"), 0);
  expect(transfer.receive(taken(1, 0), 0).send.map(packet)).toMatchObject([
    { sendBreak: false, data: from("a") },
  ]);
});
