// The rack's stand-in for nix, and what stands on its nodes for nix-env and switch-to-configuration: with the arguments and answers
// that the program relies on. `ssh` is a program that runs commands in a folder that plays the node's root.

import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { readSystem, startsAnew } from "../../src/operations/node-system.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const harness = join(import.meta.dirname, "../../vm-harness");
const guest = join(harness, "guest/system/root");
const installable = (flake: string) =>
  `${flake}#nixosConfigurations."node02".config.system.build.toplevel`;

/** Runs the command with the folder in the place of the node's root. */
const fakeSsh = (root: string) => `#!/bin/bash
echo "\${*: 1:$#-1}" >> "$LOG"
exec bash -c "$(echo "\${*: -1}" | sed "s|/nix/store|${root}/nix/store|g")"
`;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(argv: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const [file = "", ...args] = argv;
  const { PATH = "" } = process.env;
  const options = { env: { PATH, HOME: "/root", ...env } };
  const running = promisify(execFile)(file, args, options);
  running.child.stdin?.end();
  return await running.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: Outcome) => ({ code, stdout, stderr }),
  );
}

/** A flake of one node, a store for what is built of it, and a folder for programs in front of PATH. */
async function place() {
  const directory = temporaryDirectory();
  for (const name of ["bin", "flake", "system", "store"]) await mkdir(join(directory, name));
  for (const name of ["bzImage", "initrd", "rootfs.tar.zst"])
    await writeFile(join(directory, "system", name), name);
  const describe = async (more: Record<string, string> = {}) => {
    const node = { system: join(directory, "system"), disk: "/dev/vda", fqdn: "node02", ...more };
    const text = JSON.stringify({ nodes: { node02: { ...node, hosts: {}, firmware: "bios" } } });
    await writeFile(join(directory, "flake/rack.json"), text);
  };
  await describe();
  const nix = [join(harness, "nix"), "--store", join(directory, "store")];
  const build = async (env: Record<string, string> = {}) => {
    const argv = [...nix, "build", "--no-link", "--print-out-paths"];
    return await run([...argv, installable(join(directory, "flake")), "--offline"], env);
  };
  const program = async (name: string, text: string) => {
    await writeFile(join(directory, "bin", name), text);
    await chmod(join(directory, "bin", name), 0o755);
    return `${join(directory, "bin")}:${process.env["PATH"] ?? ""}`;
  };
  return { directory, describe, nix, build, program };
}

test("a system is built under one path as long as its texts are the same", async () => {
  const { build, describe, directory } = await place();
  const first = (await build()).stdout;
  expect(first).toMatch(/^\/nix\/store\/[0-9a-f]{32}-nixos-system-node02-24\.11\n$/);
  expect((await build()).stdout).toBe(first);
  await describe({ generation: "2" });
  const second = (await build()).stdout;
  expect(second).not.toBe(first);
  await describe({ generation: "2", initrd: "2" });
  const third = (await build()).stdout;
  const part = async (path: string, name: string) =>
    await readlink(join(directory, "store", path.trim(), name));
  expect(await part(second, "initrd")).toBe(await part(first, "initrd"));
  expect(await part(third, "initrd")).not.toBe(await part(first, "initrd"));
  expect(await part(third, "kernel")).toBe(await part(first, "kernel"));
});

test("what is installed has the path of what is built, so that a first update finds nothing to do", async () => {
  const { build, directory, program } = await place();
  const ssh = `#!/bin/bash\ncat > /dev/null\nif [[ $* == *"sh --" ]]; then echo isOs=Linux isInstaller=y; printf 'isInstaller=y\\nhasTar=y\\nhasCpio=y\\nhasSetsid=y\\n'; fi\n`;
  const path = await program("ssh", ssh);
  const argv = [join(harness, "nixos-anywhere"), "--flake", `${join(directory, "flake")}#node02`];
  const phases = ["--build-on", "remote", "--phases", "install", "root@10.0.100.51"];
  const env = { PATH: path, HOME: directory, TMPDIR: directory };
  const { stderr } = await run([...argv, ...phases], env);
  const installed = /^copying path '(\S+-nixos-system-\S+)'/m.exec(stderr)?.[1];
  expect(installed).toBe((await build()).stdout.trim());
});

test("a configuration that does not build, and an attribute that there is not, end as with nix", async () => {
  const { build, nix, directory } = await place();
  expect(await build({ RACK_FAULT_BUILD: "node02" })).toMatchObject({
    ...{ code: 1, stdout: "", stderr: "error: fault injected while building node02\n" },
  });
  const other = installable(join(directory, "flake")).replace("node02", "node09");
  const { code, stderr } = await run([...nix, "build", other]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^error: flake '\S+' does not provide attribute/),
  });
});

test("a copy brings the system with its kernel to the node, each path once, over the ssh that it is told", async () => {
  const { build, nix, program, directory, describe } = await place();
  const root = join(directory, "root");
  await mkdir(join(root, "nix/store"), { recursive: true });
  const path = await program("ssh", fakeSsh(root));
  const log = join(directory, "log");
  const env = { PATH: path, LOG: log, NIX_SSHOPTS: "-o HostKeyAlias=node02.example.com -i /key" };
  const copy = async (what: string) =>
    await run(
      [...nix, "copy", "--no-check-sigs", "--to", "ssh-ng://root@10.0.200.11", what, "--offline"],
      env,
    );
  const system = (await build()).stdout.trim();
  const copied = await copy(system);
  expect({ code: copied.code, lines: copied.stderr.match(/^copying path/gm) }).toEqual({
    ...{ code: 0, lines: ["copying path", "copying path", "copying path"] },
  });
  const kernel = await readlink(join(root, system, "kernel"));
  expect(await readFile(join(root, kernel), "utf8")).toBe("bzImage");
  expect((await stat(join(root, system, "bin/switch-to-configuration"))).mode & 0o111).toBe(0o111);
  expect((await copy(system)).stderr).toBe("");
  expect(await readFile(log, "utf8")).toMatch(
    /^-o HostKeyAlias=node02\.example\.com -i \/key root@10\.0\.200\.11$/m,
  );
  await describe({ generation: "2" });
  const next = (await build()).stdout.trim();
  expect((await copy(next)).stderr.match(/^copying path/gm)).toHaveLength(1);
  const refused = await run(
    [...nix, "copy", "--no-check-sigs", "--to", "ssh-ng://root@10.0.200.11", next],
    {
      ...env,
      RACK_FAULT_COPY: "10.0.200.11",
    },
  );
  expect(refused.code).toBe(1);
});

/** A profile folder with one generation, as an install leaves it. */
async function profile() {
  const directory = temporaryDirectory();
  const systems = ["1", "2"].map((number) => join(directory, `system-${number}`));
  for (const system of systems) await mkdir(system);
  await symlink(systems[0] ?? "", join(directory, "system-1-link"));
  await symlink("system-1-link", join(directory, "system"));
  const nixEnv = async (...args: readonly string[]) =>
    await run([join(guest, "usr/bin/nix-env"), "-p", join(directory, "system"), ...args]);
  const lasting = async () => await readlink(join(directory, "system"));
  return { directory, systems, nixEnv, lasting };
}

test("nix-env makes a generation of another system, none of the same, and goes back to one that exists", async () => {
  const { systems, nixEnv, lasting } = await profile();
  const [first = "", second = ""] = systems;
  expect((await nixEnv("--set", first)).code).toBe(0);
  expect(await lasting()).toBe("system-1-link");
  await nixEnv("--set", second);
  expect(await lasting()).toBe("system-2-link");
  await nixEnv("--switch-generation", "1");
  expect(await lasting()).toBe("system-1-link");
  // The newest has this path already.
  await nixEnv("--set", second);
  expect(await lasting()).toBe("system-2-link");
  expect(await nixEnv("--switch-generation", "7")).toMatchObject({
    ...{ code: 1, stderr: "error: profile version 7 does not exist\n" },
  });
  expect((await nixEnv("--set", "/nowhere")).code).toBe(1);
});

test("the program reads the generations of such a node, and which parts count from the next start", async () => {
  const { directory, nixEnv } = await profile();
  const [node] = exampleInventory().nodes;
  if (node === undefined) throw new Error("no node");
  const store = (name: string) => `/nix/store/${"0".repeat(32)}-${name}`;
  const run_ = join(directory, "run");
  for (const name of ["a", "b"]) {
    await mkdir(join(directory, store(name)), { recursive: true });
    await symlink("/nix/store/same", join(directory, store(name), "initrd"));
    await symlink(`/nix/store/${name}`, join(directory, store(name), "kernel"));
  }
  await nixEnv("--set", join(directory, store("a")));
  await mkdir(run_);
  for (const name of ["current-system", "booted-system"])
    await symlink(join(directory, store("a")), join(run_, name));
  const shell = {
    run: async (_node: unknown, command: string) => {
      const here = command
        .replaceAll("/nix/var/nix/profiles", directory)
        .replaceAll("/run/", `${run_}/`)
        .replaceAll("'/nix/store", `'${directory}/nix/store`);
      const { code, stdout, stderr } = await run(["sh", "-c", here]);
      if (code !== 0) throw new Error(stderr);
      return { ok: true, stdout: stdout.replaceAll(`${directory}/nix`, "/nix") } as const;
    },
  };
  const { signal } = new AbortController();
  const read = await readSystem(shell, node, signal);
  expect(read.ok && read.system).toMatchObject({
    lasting: { number: 2, path: store("a") },
    ...{ running: store("a"), booted: store("a") },
  });
  expect(await startsAnew(shell, node, store("a"), signal)).toEqual({ ok: true, changed: [] });
  const other = await startsAnew(shell, node, store("b"), signal);
  expect(other.ok && other.changed).toEqual(["kernel"]);
});

/** A built system on its node: where its program is, and what it did to units and boot loader. */
async function activatable(env: Record<string, string> = {}) {
  const { build, directory, program } = await place();
  const path = await program("systemctl", '#!/bin/bash\necho "systemctl $*" >> "$LOG"\n');
  await program("mount", '#!/bin/bash\necho "mount $*" >> "$LOG"\n');
  const system = join(directory, "store", (await build(env)).stdout.trim());
  await mkdir(join(directory, "run"));
  await mkdir(join(directory, "boot/EFI/nixos"), { recursive: true });
  for (const [name, file] of [
    ["kernel", "bzImage"],
    ["initrd", "initrd"],
  ] as const) {
    await run(["rm", join(system, name)]);
    await writeFile(join(system, name), file);
  }
  const log = join(directory, "log");
  const places = { RACK_RUN: join(directory, "run"), RACK_BOOT: join(directory, "boot") };
  const act = async (action: string) => {
    await writeFile(log, "");
    const argv = [join(system, "bin/switch-to-configuration"), action];
    const { code } = await run(argv, { PATH: path, LOG: log, ...places });
    return { code, did: (await readFile(log, "utf8")).trim().split("\n") };
  };
  return { act, system, directory };
}

test("a test activates and restarts, a second time only starts what is down, and neither touches the boot loader", async () => {
  const { act, system, directory } = await activatable();
  expect((await act("test")).did).toEqual([
    ...["systemctl daemon-reload", "systemctl restart chainfire.service flaredb.service"],
  ]);
  expect(await readlink(join(directory, "run/current-system"))).toBe(system);
  expect((await act("test")).did).toEqual([
    ...["systemctl daemon-reload", "systemctl start chainfire.service flaredb.service"],
  ]);
  await expect(stat(join(directory, "boot/EFI/nixos/bzImage.efi"))).rejects.toThrow("ENOENT");
});

test("a switch gives the boot loader the kernel, and leaves it alone when it has it", async () => {
  const { act, directory } = await activatable();
  expect((await act("switch")).did.filter((line) => line.startsWith("mount"))).toHaveLength(4);
  expect(await readFile(join(directory, "boot/EFI/nixos/bzImage.efi"), "utf8")).toBe("bzImage");
  expect((await act("boot")).did).toEqual([""]);
});

test("a system with the fault leaves chainfire with nothing to run, and another one mends it", async () => {
  const { act, directory } = await activatable({ RACK_FAULT_UPDATE: "node02" });
  const dropin = join(directory, "run/systemd/system/chainfire.service.d/system.conf");
  expect((await act("test")).code).toBe(0);
  expect(await readFile(dropin, "utf8")).toBe("[Service]\nExecStart=\nExecStart=/bin/false\n");
  const sound = await activatable();
  await run(["cp", "-a", join(directory, "run/systemd"), join(sound.directory, "run")]);
  await sound.act("switch");
  await expect(
    stat(join(sound.directory, "run/systemd/system/chainfire.service.d/system.conf")),
  ).rejects.toThrow("ENOENT");
});
