import { expect, test } from "vitest";
import { createOperationService } from "../../src/api/operation-service.ts";
import { livingRack } from "../fakes/living-rack.ts";

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
