// The flake and the inventory on a node's disks, with a script in the place of nix.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  compareFlakeDisks,
  type FlakeQuestion,
  judgeDevices,
  questionArgv,
} from "../../src/install/flake-disks.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const { signal } = new AbortController();
const site = { flake: "/srv/provisioning", node: "node01" };

test.each<[string, string[], string[], string | undefined]>([
  ["one disk", ["/dev/sda"], ["/dev/sda"], undefined],
  ["a mirror in another order", ["/dev/sda", "/dev/sdb"], ["/dev/sdb", "/dev/sda"], undefined],
  ["another disk", ["/dev/sdb"], ["/dev/sda"], "formats /dev/sda on node node01, and the"],
  ["another name for a disk", ["/dev/sda"], ["/dev/disk/by-id/x"], "formats /dev/disk/by-id/x on"],
  ["one disk more", ["/dev/sda"], ["/dev/sda", "/dev/sdb"], "formats /dev/sda and /dev/sdb on"],
  ["half a mirror", ["/dev/sda", "/dev/sdb"], ["/dev/sda"], "names /dev/sda and /dev/sdb:"],
  ["one disk twice", ["/dev/sda", "/dev/sdb"], ["/dev/sda", "/dev/sda"], "formats /dev/sda and"],
  ["one device, two disks", ["/dev/sda"], ["/dev/sda", "/dev/sda"], "formats /dev/sda and"],
  ["no disk", ["/dev/sda"], [], "formats no disk on"],
  ["a name that looks like two", ["/dev/a", "/dev/b"], ["/dev/a,/dev/b"], "formats /dev/a,/dev/b"],
  ["what does not print", ["/dev/sda"], ["/dev/\u001b[31msda\n"], "formats /dev/sda on"],
  ["a flood", ["/dev/sda"], Array.from({ length: 20 }, () => "/dev/x"), "/dev/x and 12 more on"],
])("the inventory's devices against the flake's: %s", (_name, devices, formatted, reason) => {
  const judged = judgeDevices({ ...site, devices }, formatted);
  expect(judged).toMatchObject(
    reason === undefined
      ? { kind: "same", devices }
      : {
          kind: "failed",
          reason: expect.stringContaining(reason),
          next: expect.stringMatching(/^rackstrap generate --write, or correct the disko\.nix/),
        },
  );
});

test("the question is one argument each, and names the node's attribute in quotes", () => {
  expect(questionArgv(site)).toEqual([
    "nix",
    "--extra-experimental-features",
    "nix-command flakes",
    "eval",
    "--no-write-lock-file",
    "--json",
    "--apply",
    "disk: builtins.mapAttrs (_: d: d.device) disk",
    '/srv/provisioning#nixosConfigurations."node01".config.disko.devices.disk',
  ]);
});

/** A question whose `nix` is this script; without one there is none. The folder is a flake. */
function withNix(script: string | undefined, over: Partial<FlakeQuestion> = {}): FlakeQuestion {
  const root = temporaryDirectory();
  const [bin, flake, directory] = ["bin", "flake", "run"].map((name) => join(root, name));
  if (bin === undefined || flake === undefined || directory === undefined) throw new Error(root);
  for (const folder of [bin, flake, directory]) mkdirSync(folder);
  writeFileSync(join(flake, "flake.nix"), "{ }\n");
  if (script !== undefined) {
    writeFileSync(join(bin, "nix"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, "nix"), 0o755);
  }
  return {
    ...{
      flake,
      directory,
      node: "node01",
      devices: ["/dev/sda"],
      home: root,
      path: bin,
      timeoutMs: 20_000,
    },
    command: ["nix", "run", "github:nix-community/nixos-anywhere", "--"],
    ...over,
  };
}

const answers = (disks: unknown) => `echo '${JSON.stringify(disks)}'`;

test("nix runs where, and with what, nixos-anywhere does", async () => {
  const question = withNix(
    `printf '%s\\n' "$PWD" "$HOME" "$PATH" "$@" >asked; ${answers({ main: "/dev/sda" })}`,
  );
  expect(await compareFlakeDisks(question, signal)).toMatchObject({ kind: "same" });
  const { directory, home, path } = question;
  const asked = readFileSync(join(directory, "asked"), "utf8").trimEnd().split("\n");
  expect(asked).toEqual([directory, home, path, ...questionArgv(question).slice(1)]);
});

test.each<[string, string, RegExp]>([
  ["another disk", answers({ main: "/dev/sdb" }), /formats \/dev\/sdb on node node01/],
  [
    "an error, then a hint",
    "printf 'warning: dirty\\nerror: no attribute \\033[31mnode01\\033[0m\\n  Did you mean node02?\\n' >&2; exit 1",
    /can't be read \(error: no attribute node01\): nothing was written/,
  ],
  ["other words", "echo first >&2; echo last >&2; exit 1", /can't be read \(last\)/],
  ["a long line", "printf 'error: %01000d\\n' 0 >&2; exit 1", /\(error: 0{249}\)/],
  ["nothing", "exit 1", /can't be read \(nix said nothing\)/],
  ["its death", "kill -9 $$", /can't be read \(nix was killed\)/],
  ["no device", answers({ main: null }), /nix answered \{"main":null\}/],
  ["a list", answers(["/dev/sda"]), /nix answered \["\/dev\/sda"\]/],
  ["no JSON", "echo /dev/sda", /nix answered \/dev\/sda/],
  ["more than was asked for", "exec head -c 2000000 /dev/zero", /maxBuffer/],
])("nix answers with %s: refused, in one line that prints", async (_name, script, reason) => {
  const question = withNix(script);
  const result = await compareFlakeDisks(
    { ...question, path: `${question.path}:/usr/bin:/bin` },
    signal,
  );
  expect(result).toMatchObject({ kind: "failed", reason: expect.stringMatching(reason) });
  expect(JSON.stringify(result)).not.toMatch(/\\u00|\\n/);
});

test.each<[string, string[], object]>([
  ["an install by nix is refused", ["/run/current-system/sw/bin/nix", "run"], { kind: "failed" }],
  [
    "one by another program goes on",
    ["nixos-anywhere"],
    { kind: "not-compared", why: "there is no nix here" },
  ],
])("without nix in PATH %s", async (_name, command, expected) => {
  expect(await compareFlakeDisks(withNix(undefined, { command }), signal)).toMatchObject(expected);
});

test("a nix that can't be started is refused, whatever installs", async () => {
  const question = withNix("", { command: ["nixos-anywhere"] });
  chmodSync(join(question.path, "nix"), 0o644);
  const result = await compareFlakeDisks(question, signal);
  expect(result).toMatchObject({ kind: "failed", reason: expect.stringContaining("EACCES") });
});

/** In a temporary folder: `in` is below a flake, `repository` and what is in it are below none. */
function folders(): (name: string) => string {
  const root = temporaryDirectory();
  const at = (name: string) => join(root, name);
  for (const name of ["above/in", "above/repository/.git", "above/repository/in"])
    mkdirSync(at(name), { recursive: true });
  writeFileSync(at("above/flake.nix"), "{ }\n");
  return at;
}

test.each<[string, string[], string, string]>([
  ["a folder without flake.nix", ["nixos-anywhere"], "above/repository/in", "not-compared"],
  ["a folder that is not there", ["nixos-anywhere"], "nowhere", "not-compared"],
  ["a folder below a flake", ["nixos-anywhere"], "above/in", "failed"],
  ["a flake in a subfolder", ["nixos-anywhere"], "above/repository?dir=in", "failed"],
  ["a folder without flake.nix, installed by nix", ["nix", "run"], "above/repository", "failed"],
])("nix, which always fails, and %s", async (_name, command, folder, kind) => {
  const flake = folders()(folder);
  const result = await compareFlakeDisks(withNix("exit 1", { command, flake }), signal);
  expect(result.kind).toBe(kind);
  if (kind === "not-compared") expect(result).toMatchObject({ why: `${flake} has no flake.nix` });
});

test("a reference that is no folder is asked", async () => {
  const flake = "github:owner/name";
  const question = withNix(answers({ main: "/dev/sda" }), { flake, command: ["nixos-anywhere"] });
  expect(await compareFlakeDisks(question, signal)).toMatchObject({ kind: "same" });
});

test("a nix that does not end is ended at the limit, and refused", async () => {
  const question = withNix("exec sleep 60", { timeoutMs: 300 });
  const path = `${question.path}:/usr/bin:/bin`;
  expect(await compareFlakeDisks({ ...question, path }, signal)).toMatchObject({
    kind: "failed",
    reason: expect.stringContaining("(no answer in 0.3 s)"),
  });
});

test("a question that is aborted rejects, and nix is ended", async () => {
  const question = withNix("echo $$ >pid; exec sleep 60");
  const abort = new AbortController();
  const path = `${question.path}:/usr/bin:/bin`;
  const asked = compareFlakeDisks({ ...question, path }, abort.signal);
  const rejected = expect(asked).rejects.toThrow(/abort/);
  const pid = () => Number(readFileSync(join(question.directory, "pid"), "utf8"));
  await expect.poll(() => pid() > 0).toBe(true);
  abort.abort();
  await rejected;
  await expect.poll(() => isRunning(pid())).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
