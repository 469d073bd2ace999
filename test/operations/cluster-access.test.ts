// What operations see of a live cluster: a member on loopback that is the only node of the inventory.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { createClusterAccess } from "../../src/operations/cluster-access.ts";
import { type FakeMember, fakeMember } from "../cluster/fake-member.ts";
import { manualClock } from "../fakes/manual-clock.ts";
import { exampleInventory } from "../fakes/rack.ts";

const { signal } = new AbortController();
let member: FakeMember;

beforeEach(async () => {
  member = await fakeMember("chainfire");
  const id = "node01";
  const listed = { id, raft_addr: "127.0.0.1:2380", status: "healthy", role: "leader" };
  member.replies["GET /admin/cluster/members"] = { members: [listed] };
  member.replies["GET /admin/cluster/leader"] = { id, term: 3, index: 12 };
  member.replies["GET /health"] = { status: "healthy", raft: "leader" };
});

afterEach(async () => await member.close());

function inventoryAt(port: number): Inventory {
  const site = exampleInventory();
  const nodes = site.nodes
    .filter(({ name }) => name === "node01")
    .map((node) => ({ ...node, productionAddress: "127.0.0.1" as Ipv4 }));
  const services = { ...site.services, chainfire: { ...site.services.chainfire, port } };
  return { ...site, nodes, services, cluster: { ...site.cluster, layers: ["chainfire"] } };
}

function accessTo(inventory: () => Inventory, identity = async () => member.identity) {
  const clock = manualClock();
  return {
    clock,
    access: createClusterAccess({ inventory, ca: () => member.ca, identity, clock }),
  };
}

const questions = 3;

test("askers of one moment share an answer, and a later one is asked for anew", async () => {
  const { access, clock } = accessTo(() => inventoryAt(member.port));
  const [first, second] = await Promise.all([access.views(), access.view("chainfire")]);
  expect(first).toEqual([second]);
  expect(second).toMatchObject({ verdict: "healthy", leader: "node01" });
  expect(member.requests).toHaveLength(questions);
  clock.advance(4000);
  await access.view("chainfire");
  expect(member.requests).toHaveLength(2 * questions);
});

test("what disrupts the cluster goes by answers of now, which the others then share", async () => {
  const { access } = accessTo(() => inventoryAt(member.port));
  await access.views();
  member.replies["GET /health"] = { status: "unhealthy", raft: "leader" };
  expect(await access.fresh()).toMatchObject([{ verdict: "no-quorum" }]);
  expect(await access.view("chainfire")).toMatchObject({ verdict: "no-quorum" });
  expect(member.requests).toHaveLength(2 * questions);
});

test("members are asked at the ports of the inventory in force", async () => {
  let inventory = inventoryAt(1);
  const { access } = accessTo(() => inventory);
  expect(await access.status("chainfire", "node01", signal)).toMatchObject({ ok: false });
  inventory = inventoryAt(member.port);
  expect(await access.status("chainfire", "node01", signal)).toMatchObject({
    value: { term: 3, appliedIndex: 12 },
  });
  expect(await access.status("chainfire", "node09", signal)).toMatchObject({
    failed: "node09 is not in the inventory",
  });
});

test("a certificate that can't be made is a failed answer, and nobody is asked", async () => {
  const refuse = async () => await Promise.reject(new Error("the CA's key is away"));
  const { access } = accessTo(() => inventoryAt(member.port), refuse);
  expect(await access.status("chainfire", "node01", signal)).toMatchObject({
    failed: expect.stringContaining("no certificate to show: the CA's key is away"),
  });
  expect(await access.view("chainfire")).toMatchObject({ verdict: "no-cluster" });
  expect(member.requests).toEqual([]);
});
