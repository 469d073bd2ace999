// The simulated BMC's end of a serial console: one packet at a time, sent again until it is acknowledged.

import { expect, test } from "vitest";
import { decodeSol, encodeSol, type SolPacket } from "../../src/bmc/ipmi/sol.ts";
import { noFaults } from "../../vm-harness/bmc/faults.ts";
import { createSolPort, solPacketLength } from "../../vm-harness/bmc/ipmi/sol-port.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";

function setUp() {
  const machine = createMemoryMachine("node01");
  const faults = noFaults();
  const port = createSolPort(machine, faults);
  port.activate(1);
  let typed = "";
  machine.listenConsole((data) => {
    typed += data;
  });
  const receive = (packet: Partial<SolPacket>, now = 0) =>
    port.receive(encodeSol(packet), now).map(read);
  const print = (text: string, now = 0) => port.print(Buffer.from(text), now).map(read);
  return { port, faults, receive, print, typed: () => typed };
}

/** What matters of a payload. */
function read(payload: Buffer) {
  const packet = decodeSol(payload);
  if ("malformed" in packet) return packet;
  const { sequence, acknowledged, accepted, nack, data } = packet;
  return { sequence, acknowledged, accepted, nack, text: data.toString() };
}

const output = (sequence: number, text: string) => ({
  ...{ sequence, text, acknowledged: 0, accepted: 0, nack: false },
});
const ack = (acknowledged: number, accepted: number, nack = false) => ({
  ...{ sequence: 0, text: "", acknowledged, accepted, nack },
});

test("text waits until what is under way is acknowledged, and then goes at once", () => {
  const { receive, print } = setUp();
  expect(print("one")).toEqual([output(1, "one")]);
  expect(print("two")).toEqual([]);
  expect(print("three")).toEqual([]);
  expect(receive({ acknowledged: 1, accepted: 3 })).toEqual([output(2, "twothree")]);
  expect(receive({ acknowledged: 2, accepted: 8 })).toEqual([]);
});

test("what was not taken goes before what waits, with the next number", () => {
  const { receive, print } = setUp();
  print("abcdef");
  print("ghi");
  expect(receive({ acknowledged: 1, accepted: 2 })).toEqual([output(2, "cdefghi")]);
});

test("packet numbers go from 1 to 15 and never 0, and no packet is too long", () => {
  const { receive, print } = setUp();
  const numbers = [print("x".repeat(solPacketLength * 17))[0]];
  for (let times = 0; times < 16; times += 1) {
    const last = numbers.at(-1);
    const acknowledged = last !== undefined && "sequence" in last ? last.sequence : 0;
    numbers.push(receive({ acknowledged, accepted: solPacketLength })[0]);
  }
  expect(numbers.map((one) => one !== undefined && "sequence" in one && one.sequence)).toEqual([
    ...Array.from({ length: 15 }, (_, index) => index + 1),
    ...[1, 2],
  ]);
});

test("what is not acknowledged is sent again, and given up after a while", () => {
  const { port, print } = setUp();
  expect(port.deadline).toBeUndefined();
  print("lost");
  let sends = 1;
  for (; port.deadline !== undefined; sends += 1) {
    const now = port.deadline;
    expect(port.wake(now - 1)).toEqual([]);
    const again = port.wake(now).map(read);
    expect(again).toEqual(again.length === 0 ? [] : [output(1, "lost")]);
  }
  expect(sends).toBe(9);
  expect(print("next")).toEqual([output(2, "next")]);
});

test("a refusal makes it wait, and send the same again", () => {
  const { port, receive, print } = setUp();
  print("text");
  expect(receive({ acknowledged: 1, accepted: 0, nack: true })).toEqual([]);
  expect(port.wake(port.deadline ?? 0).map(read)).toEqual([output(1, "text")]);
});

test("what is typed twice reaches the machine once, and is acknowledged twice", () => {
  const { receive, typed } = setUp();
  const packet = { sequence: 3, data: Buffer.from("ls\r") };
  expect(receive(packet)).toEqual([ack(3, 3)]);
  expect(receive(packet)).toEqual([ack(3, 3)]);
  expect(typed()).toBe("ls\r");
});

test("of what is typed only so much is taken, and nothing is refused", () => {
  const { faults, receive, typed } = setUp();
  faults.consoleTakes = 2;
  expect(receive({ sequence: 1, data: Buffer.from("abcd") })).toEqual([ack(1, 2)]);
  faults.consoleTakes = 0;
  expect(receive({ sequence: 2, data: Buffer.from("cd") })).toEqual([ack(2, 0, true)]);
  faults.consoleTakes = 255;
  expect(receive({ sequence: 2, data: Buffer.from("cd") })).toEqual([ack(2, 2)]);
  expect(typed()).toBe("abcd");
});

test("a break reaches the machine", () => {
  const { receive, typed } = setUp();
  receive({ sequence: 1, sendBreak: true });
  expect(typed()).toBe("<break>\r\n");
});

test("nothing is kept for a console that nobody has", () => {
  const { port, print } = setUp();
  port.deactivate();
  expect(print("nobody sees this")).toEqual([]);
  port.activate(2);
  expect(print("seen")).toEqual([output(1, "seen")]);
});
