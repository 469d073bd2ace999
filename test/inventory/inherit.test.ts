import { expect, test } from "vitest";
import { formatProblem, parseInventory } from "../../src/inventory/load.ts";
import { edited, problemsOf } from "./edit.ts";

function node01(text: string) {
  const result = parseInventory(text, "site.yaml");
  if ("problems" in result) throw new Error(result.problems.map(formatProblem).join("\n"));
  const node = result.inventory.nodes.find(({ name }) => name === "node01");
  if (node === undefined) throw new Error("node01 is not there");
  return node;
}

const withProfile = (profile: string) =>
  edited("  control-plane: { role: control-plane }\n", `  control-plane: ${profile}\n`);

test("a node has from its profile what it does not say itself, maps key by key", () => {
  const node = node01(
    withProfile(
      "{ role: control-plane, rack: r1, disk: /dev/vda, labels: { tier: gold }, bmc: { port: 6230, user: other } }",
    ),
  );
  expect(node).toMatchObject({
    ...{ rack: "r1", disk: { path: "/dev/sda" }, labels: { tier: "gold" } },
    bmc: { user: "admin", port: 6230, address: "10.0.10.50" },
  });
});

test("a list of the node replaces the profile's", () => {
  const text = withProfile("{ role: control-plane, services: [chainfire] }").replace(
    "    disk: /dev/sda\n",
    "    disk: /dev/sda\n    services: [iam]\n",
  );
  expect(node01(text).services).toEqual(["iam"]);
  expect(node01(withProfile("{ role: control-plane }")).services).toEqual([
    ...["chainfire", "flaredb", "iam"],
  ]);
});

test("what is wrong with an inherited value is told once, where the profile says it", () => {
  expect(
    problemsOf(withProfile("{ role: control-plane, powerGroup: PDU A, bmc: { port: 0 } }")),
  ).toEqual([
    'site.yaml:19:53: profiles.control-plane.powerGroup: "PDU A" is not a power group of lower-case letters, digits, dots, underscores and hyphens, at most 63',
    "site.yaml:19:73: profiles.control-plane.bmc.port: 0 is less than 1: use 1 or more",
  ]);
});

test("a profile that is misspelt is what is wrong, and not all that it would have given", () => {
  const text = withProfile("{ role: control-plane, firmware: uefi, disk: /dev/sda }")
    .replace("    firmware: uefi\n", "")
    .replace("    disk: /dev/sda\n", "")
    .replace("profile: control-plane", "profile: control-plain");
  expect(problemsOf(text)).toEqual([
    'site.yaml:24:14: nodes.node01.profile: node node01 names the profile "control-plain", which is not declared under profiles: did you mean "control-plane"?',
  ]);
});
