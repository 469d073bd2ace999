// What nix, or what stands in for it, is asked and told, and what its answers mean.

import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type BuildRequest, buildSystem, copySystem } from "../../src/install/closure.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const never = new AbortController().signal;
const path = `/nix/store/${"0".repeat(32)}-nixos-system-node02-24.11`;
const target = {
  ...{ address: "10.0.200.11", port: 22, user: "root", keyFile: "/keys/id" },
  ...{ knownHostsFile: "/state/node-keys/node02", alias: "node02.example.com" },
};

/** A program that notes what it was given and does what `script` says. */
function program(script: string) {
  const directory = temporaryDirectory();
  const file = join(directory, "nix");
  const noted = join(directory, "noted");
  writeFileSync(file, `#!/bin/sh\nprintf '%s\\n' "$@" "$NIX_SSHOPTS" > ${noted}\n${script}\n`);
  chmodSync(file, 0o755);
  const request = {
    ...{ command: [file, "build"], offline: false, path: process.env["PATH"] ?? "", home: "/root" },
    ...{ timeoutMs: 10_000, flake: "/srv/provisioning", node: "node02" },
  } satisfies BuildRequest;
  return { request, noted: () => readFileSync(noted, "utf8").split("\n") };
}

test("a build asks for the node's system and takes the store path of the last line", async () => {
  const { request, noted } = program(`echo warning: dirty; echo ${path}`);
  expect(await buildSystem({ ...request, offline: true }, never)).toEqual({ ok: true, path });
  expect(noted().slice(0, 3)).toEqual([
    ...["build", '/srv/provisioning#nixosConfigurations."node02".config.system.build.toplevel'],
    "--offline",
  ]);
});

test("a build that answers in JSON is understood, too", async () => {
  const json = `[{"drvPath":"${path}.drv","outputs":{"out":"${path}"}}]`;
  const { request } = program(`echo '${json}'`);
  expect(await buildSystem(request, never)).toEqual({ ok: true, path });
});

test.each<[string, string, RegExp]>([
  [
    "an error of nix by its own line",
    'echo "error: undefined variable" >&2; echo "hint" >&2; exit 1',
    /exit code 1: error: undefined variable$/,
  ],
  ["an answer that is no store path", "echo ./result", /printed no store path: \.\/result$/],
  ["a derivation that was not built", `echo ${path}.drv`, /printed no store path/],
])("a build that fails tells %s", async (_, script, why) => {
  const answer = await buildSystem(program(script).request, never);
  expect(answer).toEqual({ ok: false, why: expect.stringMatching(why) });
});

test("a program that is not there is said to be missing", async () => {
  const { request } = program("");
  const answer = await buildSystem({ ...request, command: ["/nowhere/nix"] }, never);
  expect(answer).toMatchObject({ ok: false, why: expect.stringContaining("/nowhere/nix") });
});

test("a copy goes to the node whose host key is pinned, with the provisioning key by its file", async () => {
  const { request, noted } = program("");
  const command = [request.command[0] ?? "", "copy", "--to"];
  expect(await copySystem({ ...request, command, target, storePath: path }, never)).toEqual({
    ...{ ok: true, path },
  });
  const [, , to, copied, options = ""] = noted();
  expect([to, copied]).toEqual(["ssh-ng://root@10.0.200.11", path]);
  for (const option of [
    "UserKnownHostsFile=/state/node-keys/node02",
    "StrictHostKeyChecking=yes",
    "HostKeyAlias=node02.example.com",
    "-F none",
    "-i /keys/id",
  ])
    expect(options).toContain(option);
});

test("a key file with a blank in its path is refused, for nix would split it", async () => {
  const { request } = program("");
  const blank = { ...target, keyFile: "/my keys/id" };
  const answer = await copySystem({ ...request, target: blank, storePath: path }, never);
  expect(answer).toMatchObject({ ok: false, why: expect.stringContaining("/my keys/id") });
});
