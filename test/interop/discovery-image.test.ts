// The program of the discovery image, asked by the Python that runs it there, about what machines and wires may say.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const folder = join(import.meta.dirname, "../../boot-assets/discovery");

/** What a Python expression about the program's functions gives, as JSON. */
function python(expression: string, input: unknown = null): unknown {
  const program = `import json, sys\nsys.path.insert(0, ${JSON.stringify(folder)})\nsys.dont_write_bytecode = True\nimport discover as d\ninput = json.load(sys.stdin)\nprint(json.dumps(${expression}))`;
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program], {
    input: JSON.stringify(input),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const tlv = (kind: number, value: Buffer) => {
  const head = Buffer.alloc(2);
  head.writeUInt16BE((kind << 9) | value.length);
  return Buffer.concat([head, value]);
};
const lldp = (...tlvs: Buffer[]) =>
  Buffer.concat([Buffer.from("0180c200000e00112233445588cc", "hex"), ...tlvs]);
const neighbourOf = (frame: Buffer) =>
  python("d.parse_lldp(bytes.fromhex(input))", frame.toString("hex"));

const whole = lldp(
  tlv(1, Buffer.from("04001122334455", "hex")),
  tlv(2, Buffer.from("\x05Eth1/7")),
  tlv(3, Buffer.from("0078", "hex")),
  tlv(4, Buffer.from("rack 3\n\x1b[31m")),
  tlv(5, Buffer.from("leaf1")),
  tlv(127, Buffer.from("0080c2010064", "hex")),
  tlv(0, Buffer.alloc(0)),
);

test("an LLDP frame names the neighbour, in printable text", () => {
  expect(neighbourOf(whole)).toEqual({
    chassis: "00:11:22:33:44:55",
    port: "Eth1/7",
    portDescription: "rack 3 [31m",
    system: "leaf1",
    vlan: 100,
  });
});

test.each<[string, Buffer, unknown]>([
  ["another protocol", Buffer.from("0180c200000e0011223344550800", "hex"), null],
  ["nothing", Buffer.alloc(0), null],
  ["no entry", lldp(tlv(0, Buffer.alloc(0))), null],
  ["a VLAN that there is not", lldp(tlv(127, Buffer.from("0080c2010000", "hex"))), null],
  [
    "a port by MAC",
    lldp(tlv(2, Buffer.from("03aabbccddeeff", "hex"))),
    { port: "aa:bb:cc:dd:ee:ff" },
  ],
])("%s is read for what it is", (_what, frame, expected) => {
  expect(neighbourOf(frame)).toEqual(expected);
});

test("no truncation of a frame, and none of 20,000 changed ones, makes the reader fail", () => {
  const failures = python(
    `(lambda frame, r: [each.hex() for each in [frame[:i] for i in range(len(frame))] + [bytes(b if r.random() > 0.05 else r.randrange(256) for b in frame) for _ in range(20000)] if not isinstance(d.parse_lldp(each), (dict, type(None)))])(bytes.fromhex(input), __import__("random").Random(7))`,
    whole.toString("hex"),
  );
  expect(failures).toEqual([]);
});

const thread = (socket: number, core: number) =>
  `processor\t: 0\nmodel name\t: Xeon\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`;

test.each([
  [
    "two sockets with two cores of two threads",
    [0, 1].flatMap((s) => [0, 1, 0, 1].map((c) => thread(s, c))).join("\n"),
    { model: "Xeon", sockets: 2, cores: 4, threads: 8 },
  ],
  [
    "a virtual machine",
    "processor\t: 0\nmodel name\t: QEMU\n\nprocessor\t: 1\nmodel name\t: QEMU\n",
    { model: "QEMU", sockets: 1, cores: 2, threads: 2 },
  ],
])("the CPU of %s is counted", (_what, info, expected) => {
  expect(python("d.cpu(input)", info)).toEqual(expected);
});

/** An entry of SMBIOS type 17 with a size at 0x0C, and the extended one at 0x1C. */
function memoryModule(size: number, extended = 0): string {
  const entry = Buffer.alloc(0x28);
  entry.writeUInt16LE(size, 0x0c);
  entry.writeUInt32LE(extended, 0x1c);
  return entry.toString("hex");
}

test.each<[string, string[], number]>([
  [
    "modules of 16 GiB and an empty place",
    [memoryModule(0x4000), memoryModule(0), memoryModule(0x4000)],
    32 * 2 ** 30,
  ],
  [
    "a module of 64 GiB, which needs the longer field",
    [memoryModule(0x7fff, 65_536)],
    64 * 2 ** 30,
  ],
  ["a module counted in KiB", [memoryModule(0x8000 | 512)], 512 * 1024],
  ["no table: what the kernel has", ["00"], 2048 * 1024],
])("memory: %s", (_what, entries, bytes) => {
  expect(
    python("d.memory_bytes([bytes.fromhex(e) for e in input], 'MemTotal:   2048 kB\\n')", entries),
  ).toBe(bytes);
});

test("the builder and the image's scripts are shell that can be read", () => {
  for (const script of ["build.sh", "init", "udhcpc.script"])
    expect(spawnSync("sh", ["-n", join(folder, script)]).status).toBe(0);
});
