// The long end-to-end tests: the demo over kinds of firmware and sizes of rack, and each way that firmware boots.
// `npm run test:e2e` runs all, `npm run test:e2e -- NAME…` the named ones. The story with its faults is test/e2e, part of
// `npm test`.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const demo = (...options: readonly string[]) => [join(import.meta.dirname, "demo.ts"), ...options];

/** One test of test/e2e/firmware, known by the beginning of its name. */
const path = (name: string) => [
  ...[join(import.meta.dirname, "../node_modules/vitest/vitest.mjs"), "run"],
  ...["--project", "firmware", "--testNamePattern", `^${name}:`],
];

/** One story of test/e2e/day2. */
const day2 = (name: string) => [
  ...[join(import.meta.dirname, "../node_modules/vitest/vitest.mjs"), "run"],
  ...["--project", "day2", `test/e2e/day2/${name}.test.ts`],
];

const discovery = [
  ...[join(import.meta.dirname, "../node_modules/vitest/vitest.mjs"), "run"],
  ...["--project", "discovery"],
];

const cases: Readonly<Record<string, readonly string[]>> = {
  "bios-3": demo("--nodes", "3", "--firmware", "bios"),
  "uefi-3": demo("--nodes", "3", "--firmware", "uefi"),
  "mixed-5": demo("--nodes", "5", "--firmware", "bios,uefi"),
  "mixed-2": demo("--nodes", "2", "--firmware", "bios,uefi"),
  "bios-chain": path("bios-chain"),
  "uefi-chain": path("uefi-chain"),
  "uefi-http": path("uefi-http"),
  "secure-boot": path("secure-boot"),
  arm64: path("arm64"),
  "arm64-secure-boot": path("arm64-secure-boot"),
  "proxy-bios": path("proxy-bios"),
  "proxy-uefi": path("proxy-uefi"),
  pxelinux: path("pxelinux"),
  relay: path("relay"),
  discovery,
  members: day2("members"),
  updates: day2("updates"),
  recovery: day2("recovery"),
  certificates: day2("certificates"),
  diagnosis: day2("diagnosis"),
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !Object.hasOwn(cases, name));
if (unknown.length > 0) {
  const known = Object.keys(cases).join(", ");
  process.stderr.write(`no end-to-end case is called ${unknown.join(", ")}: there are ${known}\n`);
  process.exit(2);
}

const chosen = Object.entries(cases).filter(([name]) => named.length === 0 || named.includes(name));
const failed = chosen.filter(([name, argv]) => {
  process.stdout.write(`\n── ${name}\n`);
  const { status } = spawnSync(process.execPath, argv, { stdio: "inherit" });
  process.stdout.write(`── ${name}: ${status === 0 ? "passed" : `failed with ${status}`}\n`);
  return status !== 0;
});
process.stdout.write(`\n${chosen.length - failed.length} passed, ${failed.length} failed\n`);
process.exitCode = failed.length > 0 ? 1 : 0;
