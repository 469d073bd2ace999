// What the stand-in for nixos-anywhere answers to an argument list: its step lines, exit code and
// messages, as the real script gives them. `ssh` is a program that plays the target's part.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const standIn = join(import.meta.dirname, "../../vm-harness/nixos-anywhere");

// Plays an installer, or what $TARGET names. Each call leaves its arguments in a file.
const fakeSsh = `#!/bin/bash
echo "$*" >> "$LOG"
case "$*" in
  *" -G "*) exit 0 ;;
  *"grep -qxF"*) cat > /dev/null
    [ -z "$KEY_RC" ] || { echo "Permission denied (publickey)." >&2; exit "$KEY_RC"; } ;;
  *"sh --") cat > /dev/null
    case $TARGET in
      server) echo isOs=Linux isInstaller=n; echo isInstaller=n ;;
      *) echo isOs=Linux; echo isInstaller=y ;;
    esac
    echo hasTar=y; [ "$TARGET" = no-cpio ] && echo hasCpio=n || echo hasCpio=y; echo hasSetsid=y ;;
  *"-- exit 0") exit 255 ;;
  *"bash /tmp/disko-script") [ "$TARGET" != no-disk ] || { echo "Problem opening /dev/vda for reading! Error is 2." >&2; exit 4; } ;;
  *"chown -R"*) cat >> "$LOG" ;;
  *) cat > /dev/null ;;
esac
`;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly steps: readonly string[];
  readonly calls: readonly string[];
}

let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "rackstrap-stand-in-"));
  for (const name of ["bin", "flake", "home", "system", "extra", "tmp"])
    await mkdir(join(directory, name));
  await writeFile(join(directory, "bin/ssh"), fakeSsh);
  await chmod(join(directory, "bin/ssh"), 0o755);
  for (const name of ["bzImage", "initrd", "rootfs.tar.zst"])
    await writeFile(join(directory, "system", name), name);
  const node = {
    disk: "/dev/vda",
    firmware: "bios",
    fqdn: "node01.example.com",
    provisioningAddress: "10.0.100.50",
    productionAddress: "10.0.200.10",
    prefix: 24,
    hosts: { "node01.example.com": "10.0.200.10" },
    system: join(directory, "system"),
  };
  await writeFile(join(directory, "flake/rack.json"), JSON.stringify({ nodes: { node01: node } }));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

function start(
  argv: readonly string[],
  environment: Record<string, string>,
): { child: ChildProcess; log: string } {
  const log = join(directory, `calls-${Math.random().toString(36).slice(2)}`);
  const env = {
    PATH: `${join(directory, "bin")}:${process.env["PATH"] ?? ""}`,
    HOME: join(directory, "home"),
    TMPDIR: join(directory, "tmp"),
    LOG: log,
    ...environment,
  };
  const child = spawn(standIn, argv, {
    cwd: directory,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  return { child, log };
}

async function run(
  argv: readonly string[],
  environment: Record<string, string> = {},
): Promise<Outcome> {
  const { child, log } = start(argv, environment);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const steps = [...stdout.matchAll(/^### (.*) ###$/gm)].map(([, step = ""]) => step);
  const calls = existsSync(log) ? (await readFile(log, "utf8")).trim().split("\n") : [];
  return { code, stdout, stderr, steps, calls };
}

/** Resolves when `text` has appeared on the child's stderr. */
function says(child: ChildProcess, text: RegExp): Promise<void> {
  let stderr = "";
  return new Promise((resolve) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      if (text.test(stderr)) resolve();
    });
  });
}

/** `exited`: the script itself is gone; `closed`: so is everything that held its output. */
function ends(child: ChildProcess): { exited: Promise<void>; closed: Promise<void> } {
  child.stdout?.resume();
  return {
    exited: new Promise((resolve) => child.on("exit", () => resolve())),
    closed: new Promise((resolve) => child.on("close", () => resolve())),
  };
}

const remoteInstall = [
  "Uploading install SSH keys",
  "Gathering machine facts",
  "Building disko script",
  "Formatting hard drive with disko",
  "Building the system closure",
  "Installing NixOS",
  "Rebooting",
  "Waiting for the machine to become unreachable due to reboot",
  "Done!",
];
const localInstall = remoteInstall
  .filter((step) => step !== "Building disko script")
  .map((step) => step.replace("Building the system", "Uploading the system"));
const flake = ["--flake", "flake#node01"];
const remote = [...flake, "--build-on", "remote", "root@10.0.100.50"];

interface Case {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Record<string, string>;
  readonly code: number;
  readonly steps: readonly string[];
  readonly stderr?: RegExp;
  readonly stdout?: RegExp;
}

const cases: readonly Case[] = [
  { name: "a remote build installs and reboots", argv: remote, code: 0, steps: remoteInstall },
  {
    name: "auto builds locally",
    argv: [...flake, "--target-host", "root@h"],
    code: 0,
    steps: localInstall,
  },
  {
    name: "the deprecated flag is told on stdout and builds remotely",
    argv: [...flake, "--build-on-remote", "root@h"],
    code: 0,
    steps: remoteInstall,
    stdout: /^WARNING: --build-on-remote is deprecated, use --build-on remote instead\n/,
  },
  {
    name: "the logs of builds may be asked for",
    argv: ["-L", ...remote],
    code: 0,
    steps: remoteInstall,
  },
  {
    name: "extra files are a step of their own",
    argv: [...remote, "--extra-files", "extra"],
    code: 0,
    steps: remoteInstall.toSpliced(5, 0, "Copying extra files"),
  },
  {
    name: "a disk key is uploaded before the disk is formatted",
    argv: [...remote, "--disk-encryption-keys", "/run/key", "flake/rack.json"],
    code: 0,
    steps: remoteInstall.toSpliced(2, 0, "Uploading flake/rack.json to /run/key"),
  },
  {
    name: "phases choose the steps",
    argv: [...remote, "--phases", "disko"],
    code: 0,
    steps: [...remoteInstall.slice(0, 4), "Done!"],
  },
  {
    name: "a running server is formatted when the phases lack kexec",
    argv: [...remote, "--phases", "disko"],
    env: { TARGET: "server" },
    code: 0,
    steps: [...remoteInstall.slice(0, 4), "Done!"],
  },
  {
    name: "a running server is not formatted with the default phases",
    argv: remote,
    env: { TARGET: "server" },
    code: 1,
    steps: [...remoteInstall.slice(0, 2), "Switching system into kexec"],
    stderr: /^Kexec failed$/m,
  },
  {
    name: "a target without cpio is refused",
    argv: remote,
    env: { TARGET: "no-cpio" },
    code: 1,
    steps: remoteInstall.slice(0, 2),
    stderr: /^aborted: no cpio command found, but required to build the new initrd$/m,
  },
  {
    name: "a missing disk ends with sgdisk's code",
    argv: remote,
    env: { TARGET: "no-disk" },
    code: 4,
    steps: remoteInstall.slice(0, 4),
    stderr: /Problem opening \/dev\/vda for reading! Error is 2\./,
  },
  { name: "no host", argv: flake, code: 1, steps: [], stderr: /^aborted: ssh-host must be set$/m },
  {
    name: "no flake",
    argv: ["root@h"],
    code: 1,
    steps: [],
    stderr: /^aborted: --flake or --store-paths must be set$/m,
  },
  {
    name: "no attribute",
    argv: ["--flake", "flake", "root@h"],
    code: 1,
    steps: [],
    stderr: /^Please specify the name of the NixOS configuration/m,
  },
  {
    name: "a node that the flake lacks",
    argv: ["--flake", "flake#node09", "root@h"],
    code: 1,
    steps: [],
    stderr: /^error: flake 'flake' does not provide attribute .*nixosConfigurations\."node09"/m,
  },
  {
    name: "an unknown phase",
    argv: [...remote, "--phases", "disko,nap"],
    code: 1,
    steps: [],
    stderr: /^aborted: Unknown phase: nap$/m,
  },
  {
    name: "a second host prints the usage on stdout",
    argv: [...remote, "root@other"],
    code: 1,
    steps: [],
    stdout: /^Usage: nixos-anywhere/,
  },
  {
    name: "an unknown option is taken for the host",
    argv: [...flake, "--shiny", "root@h"],
    code: 1,
    steps: [],
    stdout: /^Usage: nixos-anywhere/,
  },
  {
    name: "fault: fail at a step with a code",
    argv: remote,
    env: { RACK_FAULT_FAIL: "closure:7" },
    code: 7,
    steps: remoteInstall.slice(0, 5),
  },
  {
    name: "fault: another node is spared",
    argv: remote,
    env: { RACK_FAULT_FAIL: "closure:7", RACK_FAULT_NODE: "node02" },
    code: 0,
    steps: remoteInstall,
  },
  {
    name: "fault: a step line twice",
    argv: remote,
    env: { RACK_FAULT_DUPLICATE_STEP: "disko" },
    code: 0,
    steps: remoteInstall.toSpliced(4, 0, "Formatting hard drive with disko"),
  },
];

test.for(cases)("$name", async ({ argv, env, code, steps, stderr, stdout }) => {
  const outcome = await run(argv, env);
  expect(outcome.steps).toEqual(steps);
  expect(outcome.code).toBe(code);
  if (stderr !== undefined) expect(outcome.stderr).toMatch(stderr);
  if (stdout !== undefined) expect(outcome.stdout).toMatch(stdout);
  expect(await readdir(join(directory, "tmp"))).toEqual([]);
});

test("cuts the path of what gets another owner after 35 characters", async () => {
  const owned = (name: string) => ["--chown", `/etc/nixos/secrets/${name}-key.pem`, "400:401"];
  const short = await run([...owned("node0001"), ...remote]);
  expect(short.calls).toContain("/etc/nixos/secrets/node0001-key.pem 400:401");
  const long = await run([...owned("node-0001"), ...remote]);
  expect(long.calls).toContain("/etc/nixos/secrets/node-0001-key.pe 400:401");
});

test("passes the caller's ssh options after its own, in order", async () => {
  const options = [
    "-p",
    "2222",
    "--ssh-option",
    "BatchMode=yes",
    "--ssh-option",
    "ConnectTimeout=10",
  ];
  const { calls } = await run([...options, ...remote]);
  expect(calls.at(-1)).toMatch(
    /-o IdentitiesOnly=yes -i \S+\/nixos-anywhere -o UserKnownHostsFile=\/dev\/null -o StrictHostKeyChecking=no -p 2222 -o BatchMode=yes -o ConnectTimeout=10 root@10\.0\.100\.50/,
  );
});

test("announces each store path while it copies", async () => {
  const { stderr } = await run(remote);
  expect(stderr.match(/^copying 3 paths\.\.\.$/m)).not.toBeNull();
  expect(
    stderr.match(
      /^copying path '\/nix\/store\/[0-9a-z]{32}-\S+' to 'ssh-ng:\/\/root@10\.0\.100\.50'\.\.\.$/gm,
    ),
  ).toHaveLength(3);
});

test("needs HOME", async () => {
  const outcome = await new Promise<{ code: number | null; stderr: string }>((resolve) => {
    const bare = spawn(standIn, remote, {
      cwd: directory,
      env: { PATH: process.env["PATH"] ?? "" },
    });
    let stderr = "";
    bare.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    bare.on("close", (code) => resolve({ code, stderr }));
  });
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toMatch(/HOME: unbound variable/);
});

test("fault: ten megabytes of output", async () => {
  const { stdout, code } = await run(remote, { RACK_FAULT_OUTPUT: "1" });
  expect(code).toBe(0);
  expect(stdout.length).toBeGreaterThan(10_000_000);
});

test.for([
  {
    name: "fault: a hanging step ends on TERM to its group",
    env: { RACK_FAULT_HANG: "disko" },
    signal: "SIGTERM",
  },
  {
    name: "fault: a child that ignores TERM ends only on KILL",
    env: { RACK_FAULT_IGNORE_TERM: "disko" },
    signal: "SIGKILL",
  },
  { name: "asks for ever when its key is refused", env: { KEY_RC: "255" }, signal: "SIGTERM" },
] as const)("$name", { timeout: 15_000 }, async ({ env, signal }) => {
  const { child } = start(remote, { ...env });
  const group = -(child.pid ?? Number.NaN);
  const { exited, closed } = ends(child);
  await says(child, /^fault: hanging$|^Permission denied/m);
  process.kill(group, "SIGTERM");
  await exited;
  if (signal === "SIGKILL") {
    expect(() => process.kill(group, 0)).not.toThrow();
    process.kill(group, "SIGKILL");
  }
  await closed;
  expect(await readdir(join(directory, "tmp"))).toEqual([]);
});

test("leaves its child running when only its own process is ended", async () => {
  const { child } = start(remote, { RACK_FAULT_HANG: "disko" });
  const group = -(child.pid ?? Number.NaN);
  const { exited, closed } = ends(child);
  await says(child, /^fault: hanging$/m);
  child.kill("SIGTERM");
  await exited;
  expect(() => process.kill(group, 0)).not.toThrow();
  process.kill(group, "SIGKILL");
  await closed;
});
