// A system as real nix builds and copies it. There is no nixpkgs here: a derivation that nix builds by itself stands for the system,
// and a second store behind a program called ssh for the node.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { buildSystem, copySystem } from "../../src/install/closure.ts";
import { inventorySchema } from "../../src/inventory/schema.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { requireTools } from "./host.ts";

beforeAll(() => requireTools({ nix: "nix-bin", "nix-daemon": "nix-bin" }));

const { signal } = new AbortController();
const { update } = inventorySchema.shape;
const { build, copy } = update.parse({});

/** A flake with a system for node02 and none that builds for node03, and what nix runs with. */
function site() {
  const root = temporaryDirectory();
  const [flake, home, bin] = ["flake", "home", "bin"].map((name) => join(root, name));
  if (flake === undefined || home === undefined || bin === undefined) throw new Error("no folder");
  for (const folder of [flake, bin, join(home, ".config/nix")])
    mkdirSync(folder, { recursive: true });
  // A build for a store elsewhere than in /nix is shut in by user namespaces, which not every test machine has: nix gets a /nix of its own.
  // As root it would leave a changed root directory for its children, where another root is part of the test machine.
  const settings = "store = local\nbuild-users-group =\nsandbox = false\n";
  const server = join(root, "server");
  mkdirSync(server);
  const nix = `#!/bin/sh\nexec unshare --mount sh -c 'mkdir -p /nix && mount --bind "$0" /nix && exec setpriv --reuid=65534 --regid=65534 --clear-groups /usr/bin/nix "$@"' ${server} "$@"\n`;
  writeFileSync(join(bin, "nix"), nix);
  chmodSync(join(bin, "nix"), 0o755);
  writeFileSync(join(home, ".config/nix/nix.conf"), settings);
  const derivation = `derivation { name = "nixos-system-node02-24.11"; system = "builtin"; builder = "builtin:buildenv"; derivations = ""; manifest = "/dev/null"; }`;
  const broken = `throw "no root file system"`;
  const system = (node: string, value: string) =>
    `nixosConfigurations."${node}".config.system.build.toplevel = ${value};`;
  writeFileSync(
    join(flake, "flake.nix"),
    `{ outputs = _: { ${system("node02", derivation)} ${system("node03", broken)} }; }\n`,
  );
  const ssh = `#!/bin/sh\nprintf '%s\\n' "$@" > ${root}/ssh-args\nexec nix-daemon --stdio --store 'local?root=${root}/node'\n`;
  writeFileSync(join(bin, "ssh"), ssh);
  chmodSync(join(bin, "ssh"), 0o755);
  execFileSync("chown", ["-R", "65534:65534", root]);
  const path = `${bin}:${process.env["PATH"] ?? ""}`;
  return { root, flake, with: { path, home, offline: true, timeoutMs: 50_000 } };
}

test("nix builds what the inventory asks for by default, and copies it over the ssh that it is told", async () => {
  const { root, flake, with: settings } = site();
  const built = await buildSystem({ ...settings, command: build, flake, node: "node02" }, signal);
  if (!built.ok) throw new Error(built.why);
  expect(built.path).toMatch(/^\/nix\/store\/[0-9a-z]{32}-nixos-system-node02-24\.11$/);
  const target = {
    ...{ address: "10.0.200.11", port: 22, user: "root", keyFile: "/keys/id" },
    ...{ knownHostsFile: "/state/node-keys/node02", alias: "node02.example.com" },
  };
  const request = { ...settings, command: copy, target, storePath: built.path };
  expect(await copySystem(request, signal)).toEqual(built);
  expect(readdirSync(join(root, "node/nix/store"))).toContain(built.path.split("/").at(-1));
  const args = readFileSync(join(root, "ssh-args"), "utf8").split("\n");
  for (const wanted of [
    "StrictHostKeyChecking=yes",
    "UserKnownHostsFile=/state/node-keys/node02",
    "HostKeyAlias=node02.example.com",
    "/keys/id",
    "root@10.0.200.11",
  ])
    expect(args).toContain(wanted);
});

test("a configuration that nix can't evaluate is told in its own words", async () => {
  const { flake, with: settings } = site();
  const built = await buildSystem({ ...settings, command: build, flake, node: "node03" }, signal);
  expect(built).toEqual({ ok: false, why: expect.stringContaining("error: no root file system") });
});
