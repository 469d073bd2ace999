// The long end-to-end matrices: the demo over kinds of firmware and sizes of rack. `npm run test:e2e` runs all,
// `npm run test:e2e -- NAME…` the named ones. The story with its faults is test/e2e, part of `npm test`.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const cases: Readonly<Record<string, readonly string[]>> = {
  "bios-3": ["--nodes", "3", "--firmware", "bios"],
  "uefi-3": ["--nodes", "3", "--firmware", "uefi"],
  "mixed-5": ["--nodes", "5", "--firmware", "bios,uefi"],
  "mixed-2": ["--nodes", "2", "--firmware", "bios,uefi"],
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !Object.hasOwn(cases, name));
if (unknown.length > 0) {
  const known = Object.keys(cases).join(", ");
  process.stderr.write(`no end-to-end case is called ${unknown.join(", ")}: there are ${known}\n`);
  process.exit(2);
}

const chosen = Object.entries(cases).filter(([name]) => named.length === 0 || named.includes(name));
const failed = chosen.filter(([name, options]) => {
  process.stdout.write(`\n── ${name}: npm run demo -- ${options.join(" ")}\n`);
  const argv = [join(import.meta.dirname, "demo.ts"), ...options];
  const { status } = spawnSync(process.execPath, argv, { stdio: "inherit" });
  process.stdout.write(`── ${name}: ${status === 0 ? "passed" : `failed with ${status}`}\n`);
  return status !== 0;
});
process.stdout.write(`\n${chosen.length - failed.length} passed, ${failed.length} failed\n`);
process.exitCode = failed.length > 0 ? 1 : 0;
