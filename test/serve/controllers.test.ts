import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Node } from "../../src/inventory/schema.ts";
import { createSecretReader } from "../../src/inventory/secret.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { type Controllers, createControllers } from "../../src/serve/controllers.ts";
import { createSimulator, type Simulator } from "../../vm-harness/bmc/ipmi-server.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";
import { selfSigned } from "../../vm-harness/bmc/redfish-certificate.ts";
import { exampleInventory } from "../fakes/rack.ts";

const [node] = exampleInventory().nodes;
if (node === undefined) throw new Error("the example site has no node");

let simulator: Simulator | undefined;
let controllers: Controllers | undefined;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-controllers-"));
});

afterEach(async () => {
  await controllers?.close();
  await simulator?.close();
  [controllers, simulator] = [undefined, undefined];
  rmSync(directory, { recursive: true });
});

async function rig(environment: Record<string, string>) {
  const memory = createMemoryMachine("node01");
  const [admin] = memory.users;
  if (admin === undefined) throw new Error("the machine has no user");
  simulator = await createSimulator({ machine: memory, address: "127.0.0.1", port: 0 });
  controllers = createControllers(createSecretReader(environment));
  const { port } = simulator;
  const password = { env: "BMC_PASSWORD" };
  const bmc = { kind: "ipmi", user: "admin", cipherSuite: 17, password, port } as const;
  const simulated = { ...node, bmc: { ...bmc, address: "127.0.0.1" as Ipv4 } } as Node;
  const changePassword = (to: string) => {
    Object.assign(admin, { password: to });
    environment["BMC_PASSWORD"] = to;
  };
  return { simulated, controllers, changePassword };
}

test("a driver that is kept goes on with a password that was changed, whoever asks first", async () => {
  const { simulated, controllers: rack, changePassword } = await rig({ BMC_PASSWORD: "secret" });
  const kept = rack.find(simulated);
  expect(await kept.powerState()).toBe("off");
  changePassword("corrected");
  expect(await rack.find(simulated).powerState()).toBe("off");
  expect(await kept.powerState()).toBe("off");
});

test("a driver that has much to do is closed without a rejection when its password is changed", async () => {
  const { simulated, controllers: rack, changePassword } = await rig({ BMC_PASSWORD: "secret" });
  const driver = rack.find(simulated);
  const asked = Array.from({ length: 16 }, () => driver.powerState());
  changePassword("secret ");
  const later = rack.find(simulated).powerState();
  expect((await Promise.allSettled([...asked, later])).length).toBe(17);
});

test("a driver that is kept follows its node's settings, and one whose node left gives its session back", async () => {
  const first = await rig({ BMC_PASSWORD: "secret" });
  const { simulated } = first;
  await first.controllers.close();
  let declared: Node | undefined = { ...simulated, bmc: { ...simulated.bmc, port: 9 } } as Node;
  const rack = createControllers(createSecretReader({ BMC_PASSWORD: "secret" }), () => declared);
  controllers = rack;
  const kept = rack.find(declared);
  declared = simulated;
  rack.keep([declared]);
  expect(await kept.powerState()).toBe("off");
  expect(simulator?.sessionCount()).toBe(1);
  rack.keep([declared]);
  expect(await kept.powerState()).toBe("off");
  expect(simulator?.sessionCount()).toBe(1);
  rack.keep([]);
  await vi.waitFor(() => expect(simulator?.sessionCount()).toBe(0));
});

test("a certificate that is changed in its file is read anew", async () => {
  const certificate = join(directory, "bmc.pem");
  writeFileSync(certificate, (await selfSigned("bmc")).cert);
  controllers = createControllers(createSecretReader({ BMC_PASSWORD: "secret" }));
  const bmc = {
    ...{ kind: "redfish", address: "127.0.0.1", port: 9, user: "admin", authentication: "basic" },
    ...{ password: { env: "BMC_PASSWORD" }, trust: { certificate } },
  };
  const kept = controllers.find({ ...node, bmc } as unknown as Node);
  await expect(kept.powerState(AbortSignal.abort())).rejects.toThrow(/abort/);
  writeFileSync(certificate, "nothing of the kind");
  await expect(kept.powerState()).rejects.toMatchObject({ kind: "authentication" });
});

test("a secret that can't be read is an authentication failure of that BMC, and nobody else's", async () => {
  const { find } = createControllers(createSecretReader({}));
  await expect(find(node).powerState()).rejects.toMatchObject({
    kind: "authentication",
    message: expect.stringMatching(
      /BMC 10\.0\.10\.50: the environment variable BMC_PASSWORD is not set/,
    ),
  });
});
