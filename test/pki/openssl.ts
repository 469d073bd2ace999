// The Debian package openssl as the second opinion.

import { spawnSync } from "node:child_process";
import { expect } from "vitest";

function run(args: readonly string[]) {
  const { status, stdout, stderr, error } = spawnSync("openssl", args, { encoding: "utf8" });
  if (error !== undefined)
    throw new Error("openssl is missing: install the Debian package openssl");
  return { status, stdout, stderr };
}

/** What it prints; it must succeed. */
export function openssl(...args: string[]): string {
  const { status, stdout, stderr } = run(args);
  expect(`${status} ${stderr}`).toMatch(/^0/);
  return stdout;
}

/** What it complains of; it must fail. */
export function opensslFails(...args: string[]): string {
  const { status, stdout, stderr } = run(args);
  expect(status).not.toBe(0);
  return stdout + stderr;
}
