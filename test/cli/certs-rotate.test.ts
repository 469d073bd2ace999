import { expect, test } from "vitest";
import type { OrderRequest } from "../../src/api/operation-shapes.ts";
import { startServer } from "./run.ts";

test.each<[string[], Partial<OrderRequest>]>([
  [["node02", "node01", "node02"], { nodes: ["node02", "node01"], options: {} }],
  [["--ca"], { nodes: [], options: { ca: true } }],
  [["node02", "--force", "node02"], { nodes: ["node02"], force: ["node02"] }],
])("certs rotate %j asks for a plan and begins nothing", async (args, expected) => {
  const orders: OrderRequest[] = [];
  const server = await startServer({
    draft: async (order) => {
      orders.push(order);
      return { operations: [], destroys: [], quorum: [], notes: [], refusals: [] };
    },
    order: async () => {
      throw new Error("begun");
    },
  });
  const { code, stdout } = await server.rackstrap("certs", "rotate", ...args);
  await server.close();
  expect(orders).toMatchObject([{ verb: "rotate-certificates", ...expected }]);
  expect(stdout).toContain("nothing was changed: give --execute to do this");
  expect(code).toBe(0);
});
