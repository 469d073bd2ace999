import { expect, test } from "vitest";
import { diagnoseSubject } from "../../src/api/diagnosis.ts";
import { Refusal } from "../../src/api/service.ts";
import type { Diagnosis } from "../../src/diagnose/diagnose.ts";
import { parseMac } from "../../src/net/mac.ts";
import { fakeRack, newProvisions } from "../fakes/rack.ts";

const diagnosis: Diagnosis = { stages: [] };
const diagnosing = { node: async () => diagnosis, stranger: () => diagnosis };

test("a node is found by its name and its MAC, and told with the operation at work on it", async () => {
  const { tools } = fakeRack();
  const [node] = tools.inventory().nodes;
  if (node === undefined) throw new Error("no node");
  const asked = { ...tools, diagnosing };
  const shown = { mac: node.mac, node: "node01", state: "registered", stages: [] };
  expect(await diagnoseSubject(asked, "node01")).toEqual({ subject: "node01", ...shown });
  tools.operations.create(newProvisions(tools, [node], 0));
  expect(await diagnoseSubject(asked, node.mac.toUpperCase())).toEqual({
    ...{ subject: node.mac.toUpperCase(), ...shown },
    operation: { id: "id-1", step: "wait for a place among the installs" },
  });
});

test("a MAC of no node is a stranger's, with what it said of itself", async () => {
  const { tools } = fakeRack();
  const mac = parseMac("52:54:00:99:99:99");
  if (mac === undefined) throw new Error("no MAC");
  tools.nodes.discover(mac, "10.0.100.100", { architecture: "7" });
  expect(await diagnoseSubject({ ...tools, diagnosing }, mac)).toEqual({
    ...{ subject: mac, mac, facts: { architecture: "7" }, stages: [] },
  });
});

test("anything else is refused with the names there are", async () => {
  const refusal = diagnoseSubject({ ...fakeRack().tools, diagnosing }, "nide01");
  await expect(refusal).rejects.toBeInstanceOf(Refusal);
  await expect(refusal).rejects.toMatchObject({ next: expect.stringContaining("node01") });
});
