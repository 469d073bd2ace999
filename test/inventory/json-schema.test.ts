import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { inventoryJsonSchema } from "../../src/inventory/json-schema.ts";
import { edited } from "./edit.ts";

const repository = join(import.meta.dirname, "../..");
const committed = readFileSync(join(repository, "inventory/schema.json"), "utf8");
// Format and pattern words are the dialect's; strict mode also complains of what is merely unusual.
const validate = new Ajv2020({ strict: false }).compile(JSON.parse(committed));

test("the committed schema is that of today (else run: rackstrap inventory schema --write inventory/schema.json)", () => {
  expect(committed).toBe(`${JSON.stringify(inventoryJsonSchema(), undefined, 2)}\n`);
});

test("no value is left open in it", () => {
  const open: string[] = [];
  const visit = (value: unknown, path: string) => {
    if (typeof value !== "object" || value === null) return;
    if (!Array.isArray(value) && Object.keys(value).length === 0) open.push(path);
    for (const [key, inner] of Object.entries(value)) visit(inner, `${path}/${key}`);
  };
  visit(inventoryJsonSchema(), "");
  expect(open).toEqual([]);
});

test.each([
  ["the example site", readFileSync(join(repository, "inventory/site.yaml"), "utf8")],
  ["the good file", edited("site: example\n", "site: example\n")],
  ["an included file", "nodes: {}\n"],
  [
    "a node whose disk is described",
    edited("disk: /dev/sda", "disk: { serial: S6PT, size: 480GB }"),
  ],
  [
    "a pool of ranges",
    edited(
      "pool: { start: 10.0.100.100, end: 10.0.100.200 }",
      "pool: [{ start: 10.0.100.1, end: 10.0.100.2 }]",
    ),
  ],
])("an independent validator takes %s", (_what, text) => {
  validate(parse(text));
  expect(validate.errors ?? []).toEqual([]);
});

test.each([
  ["a misspelt section", edited("cluster:", "clutser:")],
  ["a misspelt setting", edited("interface: eth0", "iface: eth0")],
  ["a misspelt setting of a node", edited("    disk: /dev/sda", "    disc: /dev/sda")],
  ["a misspelt setting of a profile", edited("{ role: control-plane }", "{ rol: control-plane }")],
  ["an unknown firmware", edited("firmware: uefi", "firmware: efi")],
  ["an unknown role", edited("{ role: control-plane }", "{ role: master }")],
  [
    "an unknown kind of BMC",
    edited("address: 10.0.10.50\n", "address: 10.0.10.50\n      kind: ilo\n"),
  ],
  ["a missing MAC", edited("    mac: 52:54:00:12:34:56\n", "")],
  ["a password in the file", edited("{ env: BMC_PASSWORD }", "hunter2")],
  ["a port out of range", edited("interface: eth0\n", "interface: eth0\n  httpPort: 70000\n")],
  ["a relative disk", edited("disk: /dev/sda", "disk: sda")],
])("an independent validator refuses %s", (_what, text) => {
  expect(validate(parse(text))).toBe(false);
});
