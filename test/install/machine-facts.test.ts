import { expect, test } from "vitest";
import { probe, readReport } from "../../src/install/machine-facts.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { reportText } from "./report-text.ts";

function facts(over: Parameters<typeof reportText>[0] = {}) {
  const report = readReport(reportText(over));
  if ("malformed" in report) throw new Error(report.malformed);
  return report.facts;
}

const vda = (over: object = {}) => ({ name: "vda", size: 4_294_967_296, type: "disk", ...over });

test("everything a machine says of itself is read", () => {
  const tree = [
    {
      name: "nvme0n1",
      size: "512110190592",
      type: "disk",
      serial: "S4EV ",
      wwn: "eui.0025385b71b0c3d2",
      model: "Samsung SSD 970",
      tran: "nvme",
      rota: "0",
      rm: "0",
      ro: "0",
      fstype: null,
      mountpoint: null,
      children: [
        { name: "nvme0n1p1", size: 1, type: "part", fstype: "vfat", mountpoint: "/boot" },
        {
          name: "nvme0n1p2",
          size: 1,
          type: "part",
          fstype: "crypto_LUKS",
          mountpoint: null,
          children: [{ name: "root", size: 1, type: "crypt", fstype: "ext4", mountpoint: "/" }],
        },
      ],
    },
  ];
  const read = facts({
    tree,
    machine: ["serial CZ1234", "uuid 4C4C4544-0051-3510-8052-B4C04F4A3332"],
    disks: ["disk nvme0n1", 'found /dev/nvme0n1: PTUUID="1" PTTYPE="gpt"', "read 1048576 1"],
    links: ["/dev/disk/by-id/nvme-Samsung_S4EV /dev/nvme0n1"],
  });
  expect(read).toEqual({
    system: "NixOS 26.05 (Yarara)",
    macs: ["52:54:00:12:34:56", "52:54:00:aa:34:56"],
    firmware: "uefi",
    secureBoot: true,
    serial: "CZ1234",
    uuid: "4c4c4544-0051-3510-8052-b4c04f4a3332",
    threads: 8,
    memoryBytes: 33_554_432 * 1024,
    disks: [
      {
        name: "/dev/nvme0n1",
        sizeBytes: 512_110_190_592,
        serial: "S4EV",
        wwn: "eui.0025385b71b0c3d2",
        model: "Samsung SSD 970",
        transport: "nvme",
        rotational: false,
        removable: false,
        readOnly: false,
        links: ["/dev/disk/by-id/nvme-Samsung_S4EV"],
        usedBy: ["/boot", "/"],
        contents: [
          "gpt partition table",
          "vfat on nvme0n1p1",
          "crypto_LUKS on nvme0n1p2",
          "ext4 on root",
        ],
      },
    ],
  });
});

test.each<[string, readonly string[], readonly string[]]>([
  ["a first MiB of zeros is blank", ["disk vda", "read 1048576 0"], []],
  ["other octets are data", ["disk vda", "read 1048576 1"], ["data without a known signature"]],
  ["a disk that was not read is not blank", ["disk vda", "read 0 0"], ["what could not be read"]],
  ["a disk that nobody looked at is not blank", [], ["what could not be read"]],
  [
    "a signature that only blkid sees counts",
    ["disk vda", 'found /dev/vda: UUID="x" TYPE="LVM2_member" USAGE="raid"', "read 1048576 0"],
    ["LVM2_member"],
  ],
])("%s", (_name, disks, contents) => {
  expect(facts({ tree: [vda()], disks }).disks[0]?.contents).toEqual(contents);
});

test.each([
  ["To Be Filled By O.E.M.", undefined],
  ["Default string", undefined],
  ["Not Specified", undefined],
  ["00000000", undefined],
  ["123456789", undefined],
  ["...", undefined],
  ["0042CZ", "0042CZ"],
  ["FCH2231V0AB", "FCH2231V0AB"],
])("the machine's serial number %j is read as %j", (said, serial) => {
  expect(facts({ machine: [`serial ${said}`] }).serial).toBe(serial);
});

test("without udev the kernel's own words tell serial number, WWN and model", () => {
  const disks = ["disk vda", "serial node02", "wwid naa.5000c500a1b2c3d4", "model Virtual disk"];
  expect(facts({ tree: [vda()], disks }).disks[0]).toMatchObject({
    serial: "node02",
    wwn: "0x5000c500a1b2c3d4",
    model: "Virtual disk",
  });
});

test("what is no disk of metal is left out", () => {
  const tree = [
    vda(),
    ...["loop0", "zram0", "ram1", "nbd3", "md127"].map((name) => vda({ name })),
    vda({ name: "sr0", type: "rom" }),
  ];
  expect(facts({ tree }).disks.map(({ name }) => name)).toEqual(["/dev/vda"]);
});

test("control characters and long texts of a machine go no further", () => {
  const serial = `\u001b[2J${"A".repeat(5000)}`;
  const read = facts({ tree: [vda({ serial })] }).disks[0]?.serial;
  expect(read).toBe(`[2J${"A".repeat(253)}`);
});

test("the question is one that a shell can read, and asks for no column younger than 2015", () => {
  expect(probe).not.toContain("PTTYPE,");
  expect(probe).toContain("lsblk --json --bytes --output NAME,SIZE,TYPE,SERIAL,WWN,MODEL,TRAN");
});

test("nothing that a machine answers makes the reading throw, and all of it stays bounded", () => {
  const pick = seededRandom(20_261_121);
  const whole = reportText({
    tree: [vda({ children: [vda({ name: "vda1", type: "part" })] })],
    machine: ["serial A", "uuid B"],
    disks: ["disk vda", "serial X", "read 1048576 1"],
    links: ["/dev/disk/by-id/x /dev/vda"],
  });
  let understood = 0;
  for (let round = 0; round < 20_000; round++) {
    const octets = Buffer.from(whole);
    const changes = pick(6);
    for (let change = 0; change < changes; change++) octets[pick(octets.length)] = pick(256);
    const text = octets.subarray(0, pick(4) === 0 ? pick(octets.length) : undefined);
    const report = readReport(text.toString("utf8"));
    if ("malformed" in report) continue;
    understood += 1;
    expect(JSON.stringify(report).length).toBeLessThan(10_000);
  }
  expect(understood).toBeGreaterThan(5000);
});

test("a list of disks that is nested beyond every stack is not understood, and nothing breaks", () => {
  const deep = `${'{"name":"a","size":1,"type":"disk","children":['.repeat(20_000)}`;
  expect(readReport(reportText({ text: `{"blockdevices":[${deep}` }))).toHaveProperty("malformed");
  const closed = `${deep}${"]}".repeat(20_000)}`;
  const report = readReport(reportText({ text: `{"blockdevices":[${closed}]}` }));
  expect(report).toSatisfy((read: object) => "malformed" in read || "facts" in read);
});
