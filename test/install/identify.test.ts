import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import {
  type Identification,
  judge,
  judgeNames,
  namingCommand,
} from "../../src/install/identify.ts";
import type { Mac } from "../../src/net/mac.ts";
import { type ReportParts, reportText } from "./report-text.ts";

const query = { address: "10.0.100.50", expectedMac: "52:54:00:12:34:56" as Mac };
const board = ["serial CZ1234", "uuid 4C4C4544-0051-3510-8052-B4C04F4A3332"];

test("the expected installer is recognised, with its facts", () => {
  expect(judge(query, reportText({ machine: board }))).toMatchObject({
    kind: "installer",
    facts: {
      system: "NixOS 26.05 (Yarara)",
      macs: ["52:54:00:12:34:56", "52:54:00:aa:34:56"],
      serial: "CZ1234",
    },
  });
});

test("a machine that says the declared serial number and UUID is the one, whatever their case", () => {
  const uuid = "4C4c4544-0051-3510-8052-b4c04f4a3332";
  const declared = { ...query, expectedSerial: "CZ1234", expectedUuid: uuid };
  expect(judge(declared, reportText({ machine: board })).kind).toBe("installer");
});

test.each<[string, ReportParts, object, Identification["kind"], string]>([
  [
    "an installed NixOS",
    { os: 'ID=nixos\nPRETTY_NAME="NixOS 24.11"\n' },
    {},
    "not-installer",
    "NixOS 24.11, which is no NixOS installer",
  ],
  ["another system", { os: "ID=debian\n" }, {}, "not-installer", "nothing was written"],
  [
    "another machine",
    { macs: "52:54:00:99:99:99\n" },
    {},
    "other-machine",
    "52:54:00:99:99:99, not 52:54:00:12:34:56",
  ],
  ["a machine without cards", { macs: "\n" }, {}, "other-machine", "no network card"],
  [
    "a machine with the MAC and another serial number",
    { machine: board },
    { expectedSerial: "CZ9999" },
    "other-machine",
    "the inventory declares the serial number CZ9999 where it says CZ1234",
  ],
  [
    "a machine with the MAC and another UUID",
    { machine: board },
    { expectedUuid: "00000000-0000-4000-8000-000000000001" },
    "other-machine",
    "where it says 4c4c4544",
  ],
  [
    "a machine that does not say its serial number",
    { machine: ["serial To Be Filled By O.E.M."] },
    { expectedSerial: "CZ1234" },
    "other-machine",
    "where it says none",
  ],
  [
    "a list of disks in no known form",
    { text: "lsblk: unknown column\n" },
    {},
    "not-installer",
    "unknown column",
  ],
  ["nothing at all", { os: "", macs: "" }, {}, "not-installer", "an unnamed system"],
])("%s", (_, over, expected, kind, why) => {
  const identification = judge({ ...query, ...expected }, reportText(over));
  expect(identification).toMatchObject({ kind, why: expect.stringContaining(why) });
});

const link = { path: "/dev/disk/by-rackstrap/install", device: "/dev/sdb", made: true };
const byId = { path: "/dev/disk/by-id/ata-X", device: "/dev/sdc", made: false };

test.each<[string, string, string | undefined]>([
  ["every name leads to its disk", "/dev/sdb\n/dev/sdc\n", undefined],
  [
    "a name leads elsewhere",
    "/dev/sdb\n/dev/sda\n",
    "by-id/ata-X on the installer leads to /dev/sda",
  ],
  ["a name leads nowhere", "/dev/sdb\n-\n", "leads to no disk"],
  ["an answer breaks off", "/dev/sdb\n", "leads to no disk"],
  ["there is no answer", "", "by-rackstrap/install on the installer leads to no disk"],
])("reading the names back: %s", (_, answer, why) => {
  expect(judgeNames([link, byId], answer)).toEqual(
    why === undefined
      ? { kind: "named" }
      : { kind: "differs", why: expect.stringContaining(why) as string },
  );
});

test("the command for the names is one that a shell runs, twice with the same end", () => {
  const directory = `/tmp/rackstrap-names-${process.pid}`;
  const names = [{ ...link, path: `${directory}/it's/install`, device: "/dev/null" }];
  const command = `set -e; trap 'rm -rf ${directory}' EXIT\n${namingCommand(names)}\n${namingCommand(names)}`;
  const ran = spawnSync("sh", ["-c", command], { encoding: "utf8" });
  // /dev/null is there and no block device: it is not taken for a disk.
  expect(ran).toMatchObject({ status: 0, stdout: "-\n-\n", stderr: "" });
});
