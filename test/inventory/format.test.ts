import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Document, parse } from "yaml";
import { formatInventory } from "../../src/inventory/format.ts";
import { parseInventory } from "../../src/inventory/load.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { edited } from "./edit.ts";

const site = readFileSync(join(import.meta.dirname, "../../inventory/site.yaml"), "utf8");
const good = edited("site: example\n", "site: example\n");

function formatted(text: string): string {
  const result = formatInventory(text);
  if ("problem" in result) throw new Error(result.problem);
  return result.text;
}

test("the example site is in its usual form", () => {
  expect(formatted(site)).toBe(site);
});

test("settings come in the order of the schema, names in that of the file, with their comments", () => {
  const text = `# The site
domain: example.com
# Its name
site:   example   # short

nodes:
    # The second
    node02: {disk: /dev/sda,   mac: a}
    # The first
    node01:
        dns: [ 1,2 ]
        # Its card
        mac: b

        profile: x # why
`;
  expect(formatted(text)).toBe(`# The site
# Its name
site: example # short
domain: example.com

nodes:
  # The second
  node02: { mac: a, disk: /dev/sda }
  # The first
  node01:
    # Its card
    mac: b

    profile: x # why
    dns: [1, 2]
`);
});

test("JSON stays JSON", () => {
  expect(formatted('{"domain":"example.com","site":"example"}')).toBe(
    '{\n  "site": "example",\n  "domain": "example.com"\n}\n',
  );
});

test.each([
  ["no YAML", "a: ["],
  ["no map", "- a"],
  ["an alias that would come before its anchor", "nodes: &n { a: 1 }\nprofiles: *n\n"],
])("%s is left alone with the reason", (_what, text) => {
  expect(formatInventory(text)).toHaveProperty("problem");
});

test("whatever the order and the spaces, it means the same afterwards, comments stay, and formatting again changes nothing", () => {
  const random = seededRandom(7);
  for (let round = 0; round < 24; round += 1) {
    const text = shuffled(round % 2 === 0 ? site : good, random);
    const after = formatted(text);
    expect(formatted(after)).toBe(after);
    expect(parse(after)).toEqual(parse(text));
    expect(parseInventory(after, "site.yaml")).toEqual(parseInventory(text, "site.yaml"));
    const comments = (of: string) => (of.match(/# note \d+/g) ?? []).toSorted();
    expect(comments(after)).toEqual(comments(text));
  }
}, 30_000);

/** The same settings in another order and another style, with comments between. */
function shuffled(text: string, random: (below: number) => number): string {
  const mix = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(mix);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => [key, mix(inner)] as const);
    return Object.fromEntries(
      entries
        .map((entry) => ({ entry, at: random(1000) }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ entry }) => entry),
    );
  };
  const mixed = mix(parse(text)) as { nodes: object };
  // Nodes keep their order, which is the operator's.
  const { nodes } = parse(text) as { nodes: object };
  const ordered = {
    ...mixed,
    nodes: Object.fromEntries(Object.keys(nodes).map((name) => [name, mixed.nodes[name as never]])),
  };
  const lines = new Document(ordered)
    .toString({ indent: 1 + random(6), lineWidth: 40 + random(80) })
    .split("\n");
  return lines
    .flatMap((line, i) => {
      const indent = /^ */.exec(line)?.[0] ?? "";
      const isKey = /^ *[A-Za-z0-9-]+:( |$)/.test(line);
      return isKey && random(6) === 0 ? [`${indent}# note ${i}`, line] : [line];
    })
    .join("\n");
}
