// Boot options as the simulated BMC keeps them: as written, for as long as IPMI 2.0 §28.12 says.

import { expect, test } from "vitest";
import { setBootFlags } from "../../src/bmc/ipmi/chassis.ts";
import { createBootOptions } from "../../vm-harness/bmc/ipmi/boot-options.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";

const pxe = Buffer.from("05e004000000", "hex");
const once = Buffer.from("05a004000000", "hex");
const keepFlags = Buffer.of(0x03, 0x08);

function setUp() {
  const machine = createMemoryMachine("node01");
  const options = createBootOptions(machine);
  const read = (parameter: number, now: number) => {
    const reply = options.read(Buffer.of(parameter, 0, 0), now);
    return typeof reply === "number" ? reply : reply.toString("hex");
  };
  return { machine, options, read };
}

test("flags are kept as they were written, those the machine does not know too", () => {
  const { machine, options, read } = setUp();
  options.write(Buffer.from("05e004020103", "hex"), 0);
  expect(read(5, 1)).toBe("0105e004020103");
  expect(machine.boot).toEqual({ device: "pxe", persistent: true, uefi: true });
  // A floppy, once.
  options.write(Buffer.from("05803c000000", "hex"), 0);
  expect(read(5, 1)).toBe("0105803c000000");
  expect(machine.boot.device).toBe("none");
});

test("a start uses them up, unless they are persistent", async () => {
  const { machine, options, read } = setUp();
  options.write(once, 0);
  await machine.act("on");
  expect(read(5, 1)).toBe("01050000000000");
  options.write(pxe, 0);
  await machine.act("cycle");
  expect(read(5, 1)).toBe("0105e004000000");
});

test("they are gone after a minute without a power command", () => {
  const { machine, options, read } = setUp();
  options.write(once, 0);
  expect(read(5, 60_000)).toBe("0105a004000000");
  expect(read(5, 60_001)).toBe("01050000000000");
  expect(machine.boot.device).toBe("none");
});

test("a power command that comes too late finds nothing", () => {
  const { machine, options } = setUp();
  options.write(once, 0);
  options.powerCommand(60_001);
  expect(machine.boot.device).toBe("none");
});

test("they stay when parameter 3 says so", () => {
  const { options, read } = setUp();
  options.write(keepFlags, 0);
  options.write(once, 0);
  expect(read(5, 3_600_000)).toBe("0105a004000000");
});

test("an override that another protocol set is shown, and its minute is not IPMI's", () => {
  const { machine, options, read } = setUp();
  Object.assign(machine.boot, { device: "cdrom", uefi: true });
  const { data } = setBootFlags({ device: "cdrom", persistent: false, uefi: true });
  expect(read(5, 3_600_000)).toBe(`01${data?.toString("hex")}`);
  options.powerCommand(3_600_000);
  expect(machine.boot.device).toBe("cdrom");
});

test.each([
  ["an unknown parameter", "60", 0x80],
  ["flags that are cut short", "05e004", 0xcc],
  ["a change while another is in progress", "0001", 0x81],
])("%s is refused", (_, written, code) => {
  const { options } = setUp();
  options.write(Buffer.of(0x00, 0x01), 0);
  expect(options.write(Buffer.from(written, "hex"), 0)).toBe(code);
});

test("a parameter is marked as invalid and as valid again", () => {
  const { options, read } = setUp();
  options.write(Buffer.of(0x85), 0);
  expect(read(5, 0)).toBe("01850000000000");
  options.write(Buffer.of(0x05), 0);
  expect(read(5, 0)).toBe("01050000000000");
});
