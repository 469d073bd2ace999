import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createApi } from "../../src/api/app.ts";
import { createOperationService } from "../../src/api/operation-service.ts";
import { Secret } from "../../src/net/secret.ts";
import { newOperation, newStep } from "../../src/operations/operation.ts";
import { livingRack } from "../fakes/living-rack.ts";
import { fakeRackstrap } from "./fake-rackstrap.ts";

test("an order that is refused for several reasons is told each with its own remedy", async () => {
  const { tools, orders, startRunner } = livingRack();
  const { operations } = tools;
  const service = createOperationService({ operations, orders, runner: startRunner() });
  const nodes = ["node01", "node02"];
  const order = service.order({ verb: "undrain", nodes, options: {}, force: ["node03"] });
  await expect(order).rejects.toMatchObject({
    message: [
      "--force node03 is about none of the nodes of this order (node01, node02)",
      "  next: type the same name for both",
      "2 nodes are named, and this is done to one node at a time",
    ].join("\n"),
    next: "name one node",
  });
});

test("an order whose sender went away before it was drawn up begins nothing", async () => {
  const { tools, orders, startRunner } = livingRack();
  const [asked, goneAway] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { views } = orders.cluster;
  Object.assign(orders.cluster, {
    views: async () => {
      asked.resolve();
      await goneAway.promise;
      return await views();
    },
  });
  const { operations } = tools;
  const service = createOperationService({ operations, orders, runner: startRunner() });
  const outcome = Promise.withResolvers<unknown>();
  const order: typeof service.order = async (request, gone) => {
    gone?.addEventListener("abort", () => goneAway.resolve());
    const begun = service.order(request, gone);
    begun.then(outcome.resolve, outcome.resolve);
    return await begun;
  };
  const token = new Secret("a".repeat(43));
  const log = pino({ level: "silent" });
  const app = createApi({ service: fakeRackstrap({ order }), token, log });
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => await app.close());
  const waiting = new AbortController();
  const { port } = app.server.address() as AddressInfo;
  const answer = fetch(`http://127.0.0.1:${port}/api/operations`, {
    ...{ method: "POST", signal: waiting.signal },
    body: JSON.stringify({ verb: "drain", nodes: ["node02"], options: {}, force: [] }),
    headers: { authorization: `Bearer ${token.reveal()}`, "content-type": "application/json" },
  });
  await asked.promise;
  waiting.abort();
  await expect(answer).rejects.toThrow();
  expect(await outcome.promise).toMatchObject({
    message: "who ordered drain went away before it was drawn up, so nothing was begun",
  });
  expect(operations.operations({ running: false })).toEqual([]);
});

test("a list has the newest operations, and of their steps how they stand: what they found is told of one at a time", () => {
  const { tools, orders, startRunner } = livingRack();
  const { operations } = tools;
  const service = createOperationService({ operations, orders, runner: startRunner() });
  const step = { ...newStep({ id: "copy-node01", title: "copy it", node: "node01" }), attempts: 2 };
  operations.create(
    [1, 2, 3].map((night) =>
      newOperation({
        ...{ id: `op-${night}`, kind: "backup", node: "prod-cluster", nodes: [] },
        ...{ status: "done", createdAtMs: night },
        steps: [{ ...step, status: "done", lastLine: "copied", evidence: { files: ["a", "b"] } }],
      }),
    ),
  );
  const list = service.operations(2);
  expect(list.map(({ id }) => id)).toEqual(["op-3", "op-2"]);
  expect(list[0]?.steps).toEqual([
    { id: "copy-node01", kind: "copy", title: "copy it", node: "node01", status: "done" },
  ]);
  expect(service.operation("op-3").steps[0]?.evidence).toEqual({ files: ["a", "b"] });
});
