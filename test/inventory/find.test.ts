import { expect, test } from "vitest";
import { findNodeByIdentity } from "../../src/inventory/find.ts";
import { exampleInventory } from "../fakes/rack.ts";

const uuid = "4C4C4544-0043-5A10-8031-B7C04F323334";
const [first, second, ...rest] = exampleInventory().nodes;
if (first === undefined || second === undefined) throw new Error("the example has two nodes");
const nodes = [
  { ...first, serial: "SN-1" },
  { ...second, serial: "Default string", uuid },
  ...rest,
];

test.each([
  [{ serial: "SN-1" }, first.name],
  [{ uuid: uuid.toLowerCase() }, second.name],
  [{ serial: "SN-9", uuid }, second.name],
  [{ serial: "SN-9" }, undefined],
  [{ serial: "Default string" }, undefined],
  [{}, undefined],
])("the machine that says %o of itself is %s", (identity, name) => {
  expect(findNodeByIdentity({ nodes }, identity)?.name).toBe(name);
});
