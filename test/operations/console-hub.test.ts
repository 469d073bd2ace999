import { expect, test } from "vitest";
import { BmcError } from "../../src/bmc/bmc.ts";
import { refusing } from "../../src/bmc/refusing.ts";
import { createConsoleHub } from "../../src/operations/console-hub.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { virtualClock } from "../fakes/virtual-clock.ts";

const { nodes } = exampleInventory();

test("who looks at a machine that left is sent away, and nobody else", async () => {
  const [first, second] = nodes;
  if (first === undefined || second === undefined) throw new Error("two nodes are needed");
  const opened: string[] = [];
  const hub = createConsoleHub((node) => {
    const away = async () => {
      opened.push(node.name);
      throw new BmcError("timeout", "no answer");
    };
    return { ...refusing("unsupported", "BMC", "no such thing"), openConsole: away };
  }, virtualClock());
  const viewer = { printed: () => undefined, changed: () => undefined };
  const [one, other] = [hub.find(first), hub.find(second)];
  one.join(viewer, false);
  other.join(viewer, false);
  await hub.keep([second]);
  expect(opened.toSorted()).toEqual(["node01", "node02"]);
  expect(hub.find(second)).toBe(other);
  expect(hub.find(first)).not.toBe(one);
  await hub.close();
});
