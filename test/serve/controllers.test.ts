import { expect, test } from "vitest";
import { createControllers } from "../../src/serve/controllers.ts";
import { exampleInventory } from "../fakes/rack.ts";

const [node] = exampleInventory().nodes;
if (node === undefined) throw new Error("the example site has no node");

test("one node has one driver while its password stays the same", () => {
  const environment = { BMC_PASSWORD: "first" };
  const { find } = createControllers(environment);
  const driver = find(node);
  expect(find(node)).toBe(driver);
  environment.BMC_PASSWORD = "corrected";
  expect(find(node)).not.toBe(driver);
});

test("a secret that can't be read is an authentication failure of that BMC, and nobody else's", async () => {
  const { find } = createControllers({});
  await expect(find(node).powerState()).rejects.toMatchObject({
    kind: "authentication",
    message: expect.stringMatching(
      /BMC 10\.0\.10\.50: the environment variable BMC_PASSWORD is not set/,
    ),
  });
});
