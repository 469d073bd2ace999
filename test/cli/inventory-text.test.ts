import { expect, test } from "vitest";
import type { InventoryVerdict } from "../../src/api/inventory-shapes.ts";
import { isDifferent, isSound, verdictLines } from "../../src/cli/inventory-text.ts";
import { noDifference } from "../../src/inventory/diff.ts";

const same: InventoryVerdict = {
  ...{ problems: [], refused: [], needsRestart: [], warnings: [] },
  diff: noDifference,
};

test.each<[string, Partial<InventoryVerdict>, boolean, boolean, string[]]>([
  ["the same", {}, true, false, ["nothing has changed"]],
  [
    "a warning",
    {
      warnings: [{ file: "a.yaml", line: 3, column: 4, path: "site", message: "is odd: look" }],
    },
    true,
    false,
    ["warning  a.yaml:3:4: site: is odd: look", "nothing has changed"],
  ],
  [
    "nodes and settings",
    {
      diff: {
        added: ["node05"],
        removed: ["node04"],
        changed: [
          {
            node: "node01",
            changes: [
              { path: "disk", from: "/dev/sda", to: "/dev/sdb" },
              { path: "rack", to: "r1" },
            ],
          },
        ],
        settings: [{ path: "power.pollSeconds", from: "60" }],
      },
    },
    true,
    true,
    [
      "- node node04",
      "+ node node05",
      "~ node node01",
      "    disk: /dev/sda -> /dev/sdb",
      "    rack: not set -> r1",
      "~ power.pollSeconds: 60 -> not set",
    ],
  ],
  [
    "what waits",
    { needsRestart: [{ path: "server.httpPort", from: "8080", to: "8081" }] },
    true,
    true,
    ["takes effect when the server is started again:", "  server.httpPort: 8080 -> 8081"],
  ],
  [
    "a refusal",
    {
      diff: { ...noDifference, removed: ["node04"] },
      refused: [{ node: "node04", reason: "node04 is a voter", next: "remove it first" }],
    },
    false,
    true,
    [
      "- node node04",
      "refused: node04 is a voter",
      "  next: remove it first",
      "what was in force before still is",
    ],
  ],
  [
    "problems, from whatever file",
    {
      problems: [
        { file: "a\u001b[2J.yaml", line: 3, column: 4, path: "site", message: "is missing" },
      ],
    },
    false,
    false,
    ["a\\x1b[2J.yaml:3:4: site: is missing", "what was in force before still is"],
  ],
])("%s is told in lines", (_, changes, sound, different, lines) => {
  const verdict = { ...same, ...changes };
  expect(verdictLines(verdict, "nothing has changed")).toEqual(lines);
  expect([isSound(verdict), isDifferent(verdict)]).toEqual([sound, different]);
});
