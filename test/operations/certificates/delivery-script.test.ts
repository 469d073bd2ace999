import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import {
  certificateFiles,
  deliveryInput,
  replaceScript,
  restoreScript,
  settleScript,
  sumsScript,
} from "../../../src/operations/certificates/delivery-script.ts";
import { sha256 } from "../../../src/pki/chain.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-delivery-"));
afterAll(() => rmSync(root, { recursive: true }));

// Whoever runs the tests may not be root, who alone can give files away.
const keyOwner = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
const set = (version: string) =>
  certificateFiles("node01", {
    caCertPem: `CA ${version}\n`,
    pair: { certPem: `CERT ${version}\n`, keyPem: `KEY ${version}\n` },
    keyOwner,
  }).map((file) => ({ ...file, owner: keyOwner }));
const names = set("0").map(({ name }) => name);

let secrets: string;
let count = 0;
beforeEach(() => newNode());

/** A node that was installed with version 0. */
function newNode() {
  count += 1;
  secrets = join(root, `node${count}`);
  mkdirSync(secrets);
  for (const { name, text, mode } of set("0"))
    writeFileSync(join(secrets, name), text, { mode: Number.parseInt(mode, 8) });
}

// Each of these counts, and the machine stops before the one whose turn it is; what reaches the disk of the test machine doesn't matter.
const counted = ["mv", "cp", "rm", "chmod", "chown", "shred"]
  .map((program) => `${program}() { tick; command ${program} "$@"; }`)
  .concat("sync() { tick; }")
  .join("\n");

/** Runs a script as the node's shell would; `diesAt`: the machine stops before that program that the script starts. */
function run(script: string, input = "", diesAt = 0) {
  const counter = join(root, "programs");
  const counting = `programs=0
trap "echo \\$programs > ${counter}" EXIT
tick() { programs=$((programs + 1)); if [ "$programs" -eq ${diesAt} ]; then kill -9 $$; fi; }
${counted}`;
  const command = script
    .replaceAll("/etc/nixos/secrets", secrets)
    .replace("set -eu\n", () => `set -eu\n${counting}\n`);
  const { status, stdout, stderr } = spawnSync("sh", ["-c", command], { input, encoding: "utf8" });
  const programs = status === 0 ? Number(readFileSync(counter, "utf8")) : 0;
  return { status, stdout, stderr, programs };
}

const read = (name: string) => readFileSync(join(secrets, name), "utf8");
const versions = () => names.map((name) => read(name).trim().split(" ")[1]);
const kept = () => names.map((name) => read(`${name}.previous`).trim().split(" ")[1]);
const replace = (version: string, diesAt = 0) =>
  run(replaceScript(set(version)), deliveryInput(set(version)), diesAt);

test("files are replaced with their modes, and what was there is kept", () => {
  expect(replace("1")).toMatchObject({ status: 0, stderr: "" });
  expect(versions()).toEqual(["1", "1", "1"]);
  expect(kept()).toEqual(["0", "0", "0"]);
  const mode = (name: string) => (statSync(join(secrets, name)).mode & 0o777).toString(8);
  expect(names.map(mode)).toEqual(["644", "600", "644"]);
  expect(mode("node01-key.pem.previous")).toBe("600");
});

test("what is kept is what was there before the first replacement that nobody has proven", () => {
  replace("1");
  replace("2");
  expect([versions(), kept()]).toEqual([
    ["2", "2", "2"],
    ["0", "0", "0"],
  ]);
  run(settleScript(set("2")));
  expect(readdirSync(secrets).sort()).toEqual([...names].sort());
  replace("3");
  expect(kept()).toEqual(["2", "2", "2"]);
});

test("what was kept is put back, once, and then forgotten", () => {
  replace("1");
  expect(run(restoreScript(set("1")))).toMatchObject({ status: 0, stderr: "" });
  expect(versions()).toEqual(["0", "0", "0"]);
  expect(readdirSync(secrets).sort()).toEqual([...names].sort());
  expect(run(restoreScript(set("1"))).status).toBe(0);
  expect(versions()).toEqual(["0", "0", "0"]);
});

test("a file that the node did not have yet is put there", () => {
  rmSync(join(secrets, "ca-cert.pem"));
  expect(replace("1").status).toBe(0);
  expect(versions()).toEqual(["1", "1", "1"]);
});

test("an input that was cut off changes nothing", () => {
  const input = deliveryInput(set("1"));
  for (const length of [0, 5, input.length - 1]) {
    expect(run(replaceScript(set("1")), input.slice(0, length)).status).not.toBe(0);
    expect(versions()).toEqual(["0", "0", "0"]);
  }
});

test("what a trusted bundle alone replaces leaves the pair as it is", () => {
  const [bundle] = set("1");
  if (bundle === undefined) throw new Error("no bundle");
  run(replaceScript([bundle]), deliveryInput([bundle]));
  expect(versions()).toEqual(["1", "0", "0"]);
});

test("sums are told in order, and not of a set that is half replaced", () => {
  const sums = () =>
    run(sumsScript(set("0")))
      .stdout.trim()
      .split("\n")
      .map((line) => line.split(" ")[0]);
  expect(sums()).toEqual(set("0").map(({ text }) => sha256(text)));
  rmSync(join(secrets, "ca-cert.pem"));
  expect(sums()[0]).toBe("absent");
  writeFileSync(join(secrets, "replacing"), "node01-key.pem\n");
  expect(sums()).toEqual(["absent", "absent", "absent"]);
});

test("no command has any of what the files hold", () => {
  for (const script of [replaceScript(set("1")), restoreScript(set("1")), settleScript(set("1"))])
    expect(script).not.toMatch(/KEY 1|S0VZ/);
});

/** The files that fit together: those in place, or those kept while a list says that the others may not. */
function usable() {
  return existsSync(join(secrets, "replacing")) ? kept() : versions();
}

test("a machine that stops at any point of a replacement has a whole set, and the next attempt completes it", () => {
  const { programs } = replace("1");
  expect(programs).toBeGreaterThan(20);
  for (let at = 1; at <= programs; at++) {
    newNode();
    expect(replace("1", at).status, `${at}`).not.toBe(0);
    expect([["0", "0", "0"].join(), ["1", "1", "1"].join()], `${at}`).toContain(usable().join());
    // Either way out leads to a whole set.
    if (at % 2 === 0) {
      expect(replace("2").status).toBe(0);
      expect(versions(), `${at}`).toEqual(["2", "2", "2"]);
    }
    expect(run(restoreScript(set("2"))).status).toBe(0);
    expect(versions(), `${at}`).toEqual(["0", "0", "0"]);
    expect(readdirSync(secrets).sort(), `${at}`).toEqual([...names].sort());
  }
}, 120_000);

test.each([
  ["forgetting", settleScript, "1"],
  ["putting back", restoreScript, "0"],
])(
  "a machine that stops at any point of %s completes it, and keeps a whole set",
  (_, script, end) => {
    replace("1");
    const { programs } = run(script(set("1")));
    for (let at = 1; at <= programs; at++) {
      newNode();
      replace("1");
      expect(run(script(set("1")), "", at).status, `${at}`).not.toBe(0);
      expect(run(script(set("1"))).status, `${at}`).toBe(0);
      expect(versions(), `${at}`).toEqual([end, end, end]);
      expect(readdirSync(secrets).sort(), `${at}`).toEqual([...names].sort());
      // One that was to be forgotten is never half put back.
      newNode();
      replace("1");
      run(script(set("1")), "", at);
      run(restoreScript(set("1")));
      expect(new Set(versions()).size, `${at}`).toBe(1);
    }
  },
  120_000,
);
