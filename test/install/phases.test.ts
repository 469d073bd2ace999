import { describe, expect, test } from "vitest";
import { advance, type InstallStep, noProgress, overdue } from "../../src/install/phases.ts";

const read = (lines: readonly string[]) => lines.reduce(advance, noProgress);

const remoteRun = [
  "Warning: Identity file /tmp/tmp.x/nixos-anywhere not accessible: No such file or directory.",
  "### Uploading install SSH keys ###",
  '/usr/bin/ssh-copy-id: INFO: Source of key(s) to be installed: "/tmp/tmp.x/nixos-anywhere.pub"',
  "### Gathering machine facts ###",
  "Pseudo-terminal will not be allocated because stdin is not a terminal.",
  "### Building disko script ###",
  "building '/nix/store/q-disko.drv'...",
  "### Formatting hard drive with disko ###",
  "umount: /mnt: not mounted",
  "+ mkfs.ext4 /dev/disk/by-partlabel/disk-main-root",
  "### Building the system closure ###",
  "warning: error: unable to download 'https://cache.nixos.org/nix-cache-info': Could not resolve host",
  "copying 3 paths...",
  "copying path '/nix/store/a-glibc' to 'ssh-ng://root@10.0.100.50'...",
  "copying path '/nix/store/b-bash' to 'ssh-ng://root@10.0.100.50'...",
  "### Copying extra files ###",
  "### Installing NixOS ###",
  "installing the boot loader...",
  "installation finished!",
  "### Rebooting ###",
  "### Waiting for the machine to become unreachable due to reboot ###",
  "ssh: connect to host 10.0.100.50 port 22: Connection refused",
  "### Done! ###",
];

describe("the step a line announces", () => {
  test.each<[string, InstallStep]>([
    ["Uploading install SSH keys", "upload-keys"],
    ["Gathering machine facts", "gather-facts"],
    ["Switching system into kexec", "kexec"],
    ["Generating facter.json using nixos-facter", "hardware-config"],
    ["Generating facter.json using nixos-facter from nixpkgs", "hardware-config"],
    ["Generating hardware-configuration.nix using nixos-generate-config", "hardware-config"],
    ["Uploading /srv/secrets/disk.key to /tmp/disk.key", "upload-disk-keys"],
    ["Building disko script", "build-disko"],
    ["Formatting hard drive with disko", "format-disk"],
    ["Uploading the system closure", "copy-system"],
    ["Building the system closure", "copy-system"],
    ["Copying extra files", "copy-extra-files"],
    ["Installing NixOS", "install"],
    ["Rebooting", "reboot"],
    ["Waiting for the machine to become unreachable due to reboot", "wait-unreachable"],
    ["Waiting for the machine to become reachable again", "wait-unreachable"],
    ["Done!", "done"],
  ])("### %s ### is %s", (text, step) => {
    expect(read([`### ${text} ###`]).step).toBe(step);
  });

  test.each([
    "## Installing NixOS ##",
    "### Something new ###",
    "Installing NixOS",
    " ### Done! ###x",
  ])("%s is no step", (line) => expect(read([line]).step).toBeUndefined());
});

test("a whole run goes through its steps in order, each once", () => {
  expect(read(remoteRun).entered).toEqual([
    "upload-keys",
    "gather-facts",
    "build-disko",
    "format-disk",
    "copy-system",
    "copy-extra-files",
    "install",
    "reboot",
    "wait-unreachable",
    "done",
  ]);
});

test("repeated and late step lines change nothing", () => {
  const doubled = remoteRun.flatMap((line) => [line, line]);
  expect(read(doubled).entered).toEqual(read(remoteRun).entered);
  expect(read([...remoteRun, "### Installing NixOS ###"]).step).toBe("done");
});

test("store paths are counted within their step", () => {
  const upTo = (line: string) => remoteRun.slice(0, remoteRun.indexOf(line) + 1);
  expect(read(upTo("copying 3 paths...")).paths).toEqual({ copied: 0, total: 3 });
  const copied = upTo("copying path '/nix/store/b-bash' to 'ssh-ng://root@10.0.100.50'...");
  expect(read(copied).paths).toEqual({ copied: 2, total: 3 });
  expect(read(upTo("### Copying extra files ###")).paths).toBeUndefined();
});

test("what a build prints is shown and kept, and moves nothing on", () => {
  const before = read(["### Building the system closure ###", "copying 3 paths..."]);
  const built = [
    "linux> ### Installing NixOS ###",
    "nix-2.30> copying 9 paths...",
    "nix-2.30> copying path '/nix/store/a-b' to 'ssh-ng://root@10.0.100.50'...",
  ];
  const { tail, ...rest } = built.reduce(advance, before);
  expect(rest).toMatchObject({ step: "copy-system", paths: { copied: 0, total: 3 } });
  expect([tail.slice(-3), rest.lastLine]).toEqual([built, built[2]]);
});

test("more paths than announced never exceed the total", () => {
  const path = "copying path '/nix/store/a-b' from 'https://cache.nixos.org'...";
  expect(read(["copying 1 paths...", path, path]).paths).toEqual({ copied: 1, total: 1 });
});

test("harmless noise is neither the newest line nor kept", () => {
  const noisy = remoteRun.slice(0, remoteRun.indexOf("copying 3 paths..."));
  expect(read(noisy).lastLine).toBe("build and copy system");
  expect(read(remoteRun).tail.filter((line) => /error|Warning|umount|refused/.test(line))).toEqual(
    [],
  );
});

test("a refused connection is kept while the keys are uploaded, where it is the reason", () => {
  const line = "ssh: connect to host 10.0.100.50 port 22: Connection refused";
  expect(read(["### Uploading install SSH keys ###", line]).tail).toEqual([line]);
});

test("only the newest forty lines are kept", () => {
  const { tail } = read(Array.from({ length: 1000 }, (_, i) => `line ${i}`));
  expect(tail).toHaveLength(40);
  expect(tail.at(-1)).toBe("line 999");
});

describe("how long a step may take", () => {
  const minute = 60_000;
  const elapsed = { silentMs: 0, stepMs: 0, runMs: 0 };
  test.each<[InstallStep | undefined, Partial<typeof elapsed>, RegExp | undefined]>([
    [undefined, { silentMs: 9 * minute }, undefined],
    [undefined, { silentMs: 11 * minute }, /no output for 660 s in step "start" \(limit 600 s\)/],
    // ssh-copy-id is repeated for ever and prints each time, so silence alone would never end it.
    ["upload-keys", { silentMs: 2000, stepMs: 59_000 }, undefined],
    ["upload-keys", { silentMs: 2000, stepMs: 61_000 }, /61 s in step "upload SSH keys"/],
    // Two evaluations of the flake belong to it, and print nothing.
    ["gather-facts", { silentMs: 9 * minute, stepMs: 9 * minute }, undefined],
    ["gather-facts", { silentMs: 11 * minute, stepMs: 11 * minute }, /limit 600 s/],
    ["gather-facts", { stepMs: 11 * minute }, /limit 600 s/],
    ["kexec", {}, /no installer/],
    ["format-disk", { silentMs: 14 * minute, stepMs: 30 * minute }, undefined],
    ["format-disk", { silentMs: 16 * minute }, /limit 900 s/],
    ["copy-system", { silentMs: 9 * minute, stepMs: 50 * minute }, undefined],
    ["copy-system", { silentMs: 11 * minute }, /limit 600 s/],
    ["install", { silentMs: 11 * minute }, /limit 600 s/],
    ["wait-unreachable", { silentMs: 100, stepMs: 6 * minute }, /limit 300 s/],
    [
      "copy-system",
      { runMs: 61 * minute },
      /3660 s in all \(limit 3600 s, timeouts.installSeconds\)/,
    ],
  ])("in %s after %o: %s", (step, times, expected) => {
    const why = overdue(step, { ...elapsed, ...times }, 60 * minute);
    if (expected === undefined) expect(why).toBeUndefined();
    else expect(why).toMatch(expected);
  });

  test("a run may have longer than an hour, and no step of it does for that", () => {
    const run = { ...elapsed, runMs: 119 * minute };
    expect(overdue("copy-system", run, 120 * minute)).toBeUndefined();
    expect(overdue("copy-system", { ...run, runMs: 121 * minute }, 120 * minute)).toMatch(
      /limit 7200 s/,
    );
    expect(overdue("reboot", { ...run, stepMs: 6 * minute }, 120 * minute)).toMatch(/limit 300 s/);
  });
});
