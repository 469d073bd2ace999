// What the program that installs a node is started with.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createInstallation } from "../../src/operations/installation.ts";
import type { Ca } from "../../src/pki/ca.ts";
import type { CertificateStore } from "../../src/pki/issued.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

/** An install by `script` in the place of nixos-anywhere, once it has printed `until`. */
async function installWith(script: string, until: RegExp) {
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
    .poll(() => readFileSync(join(run, "log"), "utf8"), { timeout: 10_000 })
    .toMatch(until);
  writeFileSync(join(run, "host-key.pub"), "ssh-ed25519 BBBB of the node\n");
  return { installation, keptKey: join(directory, "node-keys", node.name) };
}

test("a nix that has flakes switched off can start nixos-anywhere all the same", async () => {
  await installWith('echo "$NIX_CONFIG"', /^extra-experimental-features = nix-command flakes\n$/);
});

test("an install that is cut off once its machine restarts leaves the machine's new host key known", async () => {
  const cut = await installWith('echo "### Rebooting ###"; sleep 60', /Rebooting/);
  await cut.installation.stop();
  expect(readFileSync(cut.keptKey, "utf8")).toBe("node01.example.com ssh-ed25519 BBBB\n");
});

test("an install that is cut off before leaves the host key of the system that was there", async () => {
  const cut = await installWith('echo "### Building disko script ###"; sleep 60', /Building/);
  await cut.installation.stop();
  expect(existsSync(cut.keptKey)).toBe(false);
});
