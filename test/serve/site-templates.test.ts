import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { scriptFaults } from "../../src/serve/site-templates.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-site-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const sound = { scriptFaults: () => [], commonFaults: () => [] };
const faults = (
  templates: string | undefined,
  rendering = sound as Parameters<typeof scriptFaults>[1],
) => scriptFaults({ ...inventory, boot: { templates } }, rendering);

test("a site without templates, or with those that are used, has no fault", () => {
  for (const name of [
    "boot.ipxe.hbs",
    "nodes/node01/installer.ipxe.hbs",
    "profiles/worker/local-disk.ipxe.hbs",
    "autoexec.ipxe.hbs",
    "by-mac.grub.cfg.hbs",
    "nodes/node01/installer.grub.cfg.hbs",
    "local-disk.pxelinux.cfg.hbs",
  ]) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), "#!ipxe\n");
  }
  expect([faults(undefined), faults(directory)]).toEqual([[], []]);
});

test.each([
  ["nodes/nod01/installer.ipxe.hbs", "no node is called nod01"],
  ["profiles/workers/installer.ipxe.hbs", "no profile is called workers"],
  [
    "nodes/node01/boot.ipxe.hbs",
    "used for nothing: known are installer.ipxe.hbs, local-disk.ipxe.hbs, installer.grub.cfg.hbs",
  ],
  ["install.ipxe.hbs", "used for nothing"],
])("%s is named, since nobody would use it", (name, why) => {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), "#!ipxe\n");
  expect(faults(directory)).toEqual([expect.stringContaining(why)]);
});

test("a folder that does not exist is named with the setting", () => {
  expect(faults(join(directory, "gone"))).toEqual([
    `boot.templates ${directory}/gone does not exist: make the folder, or remove the setting`,
  ]);
});

test("one faulty file is named once, however many nodes use it", () => {
  const rendering = {
    scriptFaults: () => ["x.hbs: bad"],
    commonFaults: () => ["boot.ipxe.hbs: bad"],
  };
  expect(faults(directory, rendering)).toEqual(["boot.ipxe.hbs: bad", "x.hbs: bad"]);
});
