import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { GeneratedFile } from "../../src/generate/file.ts";
import { nixosFiles } from "../../src/generate/nixos.ts";
import { exampleSite, facts, nastySite } from "./nixos-site.ts";

const fixtures = join(import.meta.dirname, "../fixtures/generate");
const ofSite = ({ path }: GeneratedFile) => /^(?:flake|nodes|profiles)/.test(path);

const textOf = (files: readonly GeneratedFile[], path: string) =>
  files.find((file) => file.path === path)?.text ?? `no file ${path}`;

test.each([
  ["the example site", "nixos", exampleSite],
  ["the nasty site, with every layout", "nixos-nasty", nastySite],
])("%s has the tree that was reviewed", async (_name, folder, site) => {
  const golden = join(fixtures, folder);
  const files = nixosFiles(site(), facts).filter(ofSite);
  const recorded = readdirSync(golden, { recursive: true, withFileTypes: true });
  expect(files.map(({ path }) => join(golden, path))).toEqual(
    recorded
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted(),
  );
  for (const { path, text } of files) await expect(text).toMatchFileSnapshot(join(golden, path));
});

test("the files come in the order of their paths, each once", () => {
  const paths = nixosFiles(nastySite(), facts).map(({ path }) => path);
  expect(paths).toEqual([...new Set(paths)].toSorted());
  expect(paths.filter((path) => /^\/|\.\.|\\/.test(path))).toEqual([]);
});

test("everything that a module names beside it is in the tree", () => {
  const files = nixosFiles(exampleSite(), facts);
  const paths = files.map(({ path }) => path);
  const named = files.flatMap(({ path, text }) =>
    [...text.matchAll(/(?<![\w"./}])(\.{1,2}\/[\w.-]+(?:\/[\w.-]+)*)/g)].map(([, target = ""]) =>
      join(path, "..", target),
    ),
  );
  const yours = /^site\/|^(?:nodes|site\/profiles|first-boot)$/;
  expect(named.filter((path) => !paths.includes(path) && !yours.test(path))).toEqual([]);
  expect(named).toContain("first-boot/cluster-join");
});

test("no file holds a secret, a reference to one, or anything of a BMC", () => {
  for (const { path, text } of nixosFiles(nastySite(), facts)) {
    if (path === "modules/rackstrap.nix") continue;
    expect(text, path).not.toMatch(
      /NASTY_PASSWORD|PRIVATE KEY|BEGIN |passwordHash|10\.0\.10\.5\d/i,
    );
    // /etc/nixos/NAME.toml has ports and paths of files.
    if (path !== "modules/cluster-services.nix")
      expect(text, path).not.toContain("environment.etc");
  }
});

test("what is secret on a node is named as a text, never as a path that Nix would copy", () => {
  const all = nixosFiles(nastySite(), facts)
    .map(({ text }) => text)
    .join("\n");
  const quoted = all.match(/["'/ ]\/etc\/nixos\/secrets[^\s;]*/g) ?? [];
  expect(quoted.length).toBeGreaterThan(20);
  expect(quoted.filter((word) => !word.startsWith('"') && !word.startsWith(" "))).toEqual([]);
  expect(all).not.toMatch(/= \/etc\//);
});

test.each([
  ["-----BEGIN OPENSSH PRIVATE KEY-----"],
  ["ssh-ed25519"],
  ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4nI2nTqQ0wq1mJrGvKZkdbc8kG0y3QeF9nJ7H0bZ3e a\nb"],
])("refuses %j as a public key", (key) => {
  expect(() => nixosFiles(exampleSite(), { ...facts, sshKeys: [key] })).toThrow(
    "SSH key 1 is not one line of a public key: give the file that ends with .pub",
  );
});

test("a machine that was seen has what was seen of it", () => {
  const hardware = new Map([
    ["node01", { cpu: "amd" as const, initrdModules: ["nvme"] }],
    ["node02", { system: "aarch64-linux" as const }],
  ]);
  const files = nixosFiles(exampleSite(), { ...facts, hardware });
  const seen = textOf(files, "nodes/node01.example.com/hardware.nix");
  expect(seen).toContain('boot.initrd.availableKernelModules = [ "nvme" ];');
  expect(seen).toContain("cpu.amd.updateMicrocode = true;");
  expect(seen).toContain('boot.kernelModules = [ "kvm-amd" ];');
  const arm = textOf(files, "nodes/node02.example.com/hardware.nix");
  expect(arm).toContain('nixpkgs.hostPlatform = lib.mkDefault "aarch64-linux";');
  expect(arm).not.toMatch(/megaraid|microcode/i);
  expect(() =>
    nixosFiles(exampleSite(), {
      ...facts,
      hardware: new Map([["node01", { initrdModules: ["a b"] }]]),
    }),
  ).toThrow('node node01: "a b" is no name of a kernel module');
});

test("a site without nodes has a flake without configurations", () => {
  const site = exampleSite();
  const files = nixosFiles({ ...site, nodes: [] }, facts);
  expect(textOf(files, "flake.nix")).toContain("nodes = { };");
});

test("another port is told to every service that asks there", () => {
  const files = nixosFiles(nastySite(), facts);
  const text = textOf(files, "nodes/if.with.let.in/configuration.nix");
  expect(text).toContain('chainfire_endpoint = "https://localhost:12379";');
});

test("a node that is in no layer joins nothing", () => {
  const files = nixosFiles(nastySite(), facts);
  const text = textOf(files, "nodes/with.with.let.in/configuration.nix");
  expect(text).not.toContain("first-boot-automation");
});
