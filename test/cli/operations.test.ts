import { afterEach, describe, expect, it } from "vitest";
import type { OperationView, OrderRequest } from "../../src/api/operation-shapes.ts";
import { operationView, planView } from "../api/fake-rackstrap.ts";
import { startServer, type TestServer } from "./run.ts";

let server: TestServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** What `operations retry` ends with, and the orders that it drew up or gave. */
async function retry(operation: Partial<OperationView>, ...more: readonly string[]) {
  const orders: OrderRequest[] = [];
  server = await startServer({
    operation: () => operationView("node02", operation),
    draft: async (order) => {
      orders.push(order);
      return planView(order);
    },
    order: async (order) => {
      orders.push(order);
      return [];
    },
  });
  return { ...(await server.rackstrap("operations", "retry", "op-node02", ...more)), orders };
}

describe("operations list", () => {
  it.each([
    [[], 200, "shown are the newest 200; --limit shows up to 1000"],
    [["--limit", "3"], 3, "shown are the newest 3; --limit shows up to 1000"],
  ])("with %j asks for that many, and says where there may be more", async (more, count, says) => {
    server = await startServer({
      operations: (limit) => Array.from({ length: limit }, () => operationView("node01")),
    });
    const { code, stdout } = await server.rackstrap("operations", "list", ...more);
    const lines = stdout.trimEnd().split("\n");
    expect([code, lines.length, lines.at(-1)]).toEqual([0, count + 2, says]);
  });

  it("says no such thing of a list that has all", async () => {
    server = await startServer();
    const { stdout } = await server.rackstrap("operations", "list");
    expect(stdout.trimEnd().split("\n")).toHaveLength(2);
  });
});

describe("operations retry", () => {
  it.each([
    ["done", "to have the same done once more, order it by its own command"],
    ["running", "follow it: rackstrap operations show op-node02"],
  ] as const)("refuses an operation that is %s, and orders nothing", async (status, next) => {
    const { code, stderr, orders } = await retry({ status }, "--execute");
    expect([code, orders]).toEqual([1, []]);
    expect(stderr).toBe(
      `rackstrap: operation op-node02 is ${status}: there is nothing to retry\n  next: ${next}\n`,
    );
  });

  it("refuses one that names no way to carry on, as a rollback to the generation before", async () => {
    const failure = { stage: "soak", reason: "unhealthy", next: "look at it" };
    const failed = { kind: "rollback", status: "failed", failure } as const;
    const { code, stderr, orders } = await retry(failed, "--execute");
    expect([code, orders]).toEqual([1, []]);
    expect(stderr).toMatch(/^rackstrap: operation op-node02 can't be ordered again as it was/);
  });

  it.each(["failed", "cancelled"] as const)(
    "asks, where the status is %s, for the plan of what was typed, except --force",
    async (status) => {
      const parameters = { erase: ["node02"], diskSerials: ["S1"] };
      const { code, orders } = await retry({ status, parameters });
      expect(code).toBe(0);
      expect(orders).toEqual([
        { verb: "provision", nodes: ["node02"], options: parameters, force: [] },
      ]);
    },
  );
});
