import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fingerprintOf } from "../../src/pki/chain.ts";
import { rotationSteps } from "../../src/pki/rotation.ts";
import { openSiteCa } from "../../src/serve/site-ca.ts";
import { exampleInventory } from "../fakes/rack.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-site-ca-"));
afterAll(() => rmSync(root, { recursive: true }));

const open = async (name: string, authority?: { certificate: string; key: string }) => {
  const site = exampleInventory();
  const stateDirectory = join(root, name);
  mkdirSync(stateDirectory, { recursive: true });
  const { passphrase: _, ...pki } = site.pki;
  const inventory = {
    ...{ ...site, server: { ...site.server, stateDirectory } },
    pki: { ...pki, authority },
  };
  const noSecret = async () => {
    throw new Error("no secret is named");
  };
  const bundle = () => readFileSync(join(stateDirectory, "ca-bundle.pem"), "utf8");
  const untold: unknown[] = [];
  const opened = await openSiteCa(inventory, noSecret, Date.now, (error) => untold.push(error));
  return { ...opened, bundle, untold };
};

test("whoever asks has the CA of each step, and the bundle beside it says the same, after a restart too", async () => {
  const { ca, rotate, bundle } = await open("made");
  const replaced = fingerprintOf(ca().certificate);
  expect(bundle()).toBe(ca().certPem);
  const stages: unknown[] = [];
  for (const step of rotationSteps) {
    expect(await rotate(step, replaced)).toEqual({ ok: true });
    const again = await open("made");
    expect([bundle(), again.ca().certPem]).toEqual([ca().certPem, ca().certPem]);
    stages.push([ca().stage, bundle().match(/BEGIN/g)?.length]);
  }
  expect(stages).toEqual([
    ["begun", 2],
    ["switched", 2],
    ["one", 1],
  ]);
  expect(await rotate("switch", "ab".repeat(32))).toMatchObject({
    ...{ ok: false, next: "see: rackstrap certs status" },
  });
});

test("an operator's own CA is not rotated, and the refusal says what to do", async () => {
  const made = await open("donor");
  const files = { certificate: join(root, "own.pem"), key: join(root, "own.key") };
  copyFileSync(made.ca().about.certificateFile, files.certificate);
  copyFileSync(made.ca().about.keyFile, files.key);
  chmodSync(files.key, 0o600);
  const own = await open("own", files);
  expect(own.bundle()).toBe(own.ca().certPem);
  expect(own.refusal?.next).toContain(`append the next CA's root to ${files.certificate}`);
  expect(await own.rotate("begin", "a")).toMatchObject({ ok: false, ...own.refusal });
});

test("a bundle that can't be written keeps the server from nothing at its start, and is told; a step of a rotation waits for it", async () => {
  mkdirSync(join(root, "blocked/ca-bundle.pem"), { recursive: true });
  const { ca, rotate, untold } = await open("blocked");
  expect(untold).toHaveLength(1);
  const replaced = fingerprintOf(ca().certificate);
  await expect(rotate("begin", replaced)).rejects.toThrow(/ca-bundle/);
  expect(ca().stage).toBe("one");
  rmSync(join(root, "blocked/ca-bundle.pem"), { recursive: true });
  expect(await rotate("begin", replaced)).toEqual({ ok: true });
  expect(ca().stage).toBe("begun");
});
