import { expect, test } from "vitest";
import { stepKind } from "../../src/operations/operation.ts";

test.each([
  ["test-node02", "node02", "test"],
  ["deliver-trust-both-node02", "node02", "deliver-trust-both"],
  ["snapshot-chainfire", undefined, "snapshot"],
  ["remove-flaredb", "node02", "remove"],
  ["soak", "node02", "soak"],
  ["disk-boot", undefined, "disk-boot"],
])("the kind of the step %s of %s is %s", (id, node, kind) => {
  expect(stepKind({ id, node })).toBe(kind);
});
