// What the program that installs a node is started with.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createInstallation } from "../../src/operations/installation.ts";
import type { Ca } from "../../src/pki/ca.ts";
import type { CertificateStore } from "../../src/pki/issued.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

/** What `script` prints, run in the place of nixos-anywhere. */
async function installWith(script: string): Promise<string> {
  const directory = temporaryDirectory();
  const inventory = exampleInventory();
  const [node] = inventory.nodes;
  if (node === undefined) throw new Error("the example site declares no node");
  const tools = {
    inventory: {
      ...inventory,
      server: { ...inventory.server, stateDirectory: directory },
      install: {
        ...inventory.install,
        hostKey: "first-use" as const,
        command: ["/bin/sh", "-c", script, "nixos-anywhere"],
      },
    },
    ...{ home: directory, path: process.env["PATH"] ?? "", now: () => 0 },
    ...{ sshKeyFile: join(directory, "key"), ca: () => ({}) as Ca },
    certificates: {} as CertificateStore,
  };
  const installation = createInstallation(tools, node, "op-1");
  await installation.prepareInstaller();
  const run = join(directory, "runs/op-1");
  writeFileSync(join(run, "known_hosts"), `${node.provisioningAddress} ssh-ed25519 AAAA\n`);
  await installation.start();
  await expect
    .poll(async () => (await installation.view(Date.now())).kind, { timeout: 10_000 })
    .toBe("succeeded");
  return readFileSync(join(run, "log"), "utf8");
}

test("a nix that has flakes switched off can start nixos-anywhere all the same", async () => {
  expect(await installWith('echo "$NIX_CONFIG"')).toBe(
    "extra-experimental-features = nix-command flakes\n",
  );
});
