import { expect, test } from "vitest";
import { createRackstrap, type RackstrapTools } from "../../src/api/rackstrap.ts";
import { someFacts } from "../fakes/machine-facts.ts";
import { fakeRack } from "../fakes/rack.ts";

function rig() {
  const { tools } = fakeRack();
  const [node] = tools.inventory().nodes;
  if (node === undefined) throw new Error("the example site declares no node");
  const subject = (mac: typeof node.mac) => ({
    ...{ mac, node, record: tools.nodes.node(node.name), intent: undefined },
  });
  const service = createRackstrap({ ...tools, subject } as unknown as RackstrapTools);
  return { service, tools, node };
}

test("what a machine said last is compared, and explain has it in one line", () => {
  const { service, tools, node } = rig();
  expect(service.drift([node.name])).toEqual([{ node: node.name, differences: [] }]);
  expect(service.explain(node.name)).not.toHaveProperty("drift");
  const facts = someFacts(node.mac, {
    firmware: node.firmware === "uefi" ? "bios" : "uefi",
    disks: [],
  });
  tools.nodes.learn(node.name, { atMs: 7, mac: node.mac, facts });
  const [view] = service.drift([node.name]);
  expect(view).toMatchObject({ node: node.name, seenMs: 7 });
  expect(view?.differences.map(({ setting }) => setting)).toEqual(["firmware", "disk"]);
  expect(service.explain(node.name).drift).toBe(
    `firmware, disk: the machine is not what the inventory says (rackstrap drift ${node.name})`,
  );
});

test("all nodes are compared when none is named, and a name that is not declared is refused", () => {
  const { service, tools } = rig();
  expect(service.drift(undefined).map(({ node }) => node)).toEqual(
    tools.inventory().nodes.map(({ name }) => name),
  );
  expect(() => service.drift(["node99"])).toThrow(/no node is called node99/);
});
