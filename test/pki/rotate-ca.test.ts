import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Secret } from "../../src/net/secret.ts";
import { type Ca, loadOrCreateCa } from "../../src/pki/ca.ts";
import { fingerprintOf } from "../../src/pki/chain.ts";
import { issueNodeCertificate } from "../../src/pki/issue.ts";
import { type CaDisk, caDisk, rotateCa } from "../../src/pki/rotate-ca.ts";
import { type RotationStage, type RotationStep, rotationSteps } from "../../src/pki/rotation.ts";
import { openssl, opensslFails } from "./openssl.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-rotation-"));
afterAll(() => rmSync(root, { recursive: true }));

const nowMs = Date.now();
const settings = { commonName: "PlasmaCloud CA", key: "ec", caDays: 3650, nowMs } as const;
const passphrase = { secret: new Secret("correct horse"), name: "the variable" };
let count = 0;

async function site(given: Parameters<typeof loadOrCreateCa>[1] = settings) {
  count += 1;
  const directory = join(root, `site${count}`);
  const load = async () => await loadOrCreateCa(directory, given);
  const first = await load();
  const replaced = fingerprintOf(first.certificate);
  const rotate = async (step: RotationStep, disk?: CaDisk) =>
    await rotateCa(directory, { step, replaced }, given, disk);
  return { directory, load, first, replaced, rotate };
}

/** Files that openssl reads: a certificate of the node by `ca`. */
async function leafOf(ca: Ca): Promise<string> {
  count += 1;
  const file = join(root, `leaf${count}.pem`);
  const issued = await issueNodeCertificate(ca, {
    ...{ name: "node01", fqdn: "node01.example.com", addresses: ["10.0.200.10"] },
    ...{ key: "ec", days: 365, nowMs },
  });
  writeFileSync(file, issued.certPem);
  return file;
}

function bundleOf(ca: Ca): string {
  count += 1;
  const file = join(root, `bundle${count}.pem`);
  writeFileSync(file, ca.certPem);
  return file;
}

const strict = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile"];
const trusts = (bundle: string, leaf: string) => openssl(...strict, bundle, leaf);
const refuses = (bundle: string, leaf: string) =>
  expect(opensslFails(...strict, bundle, leaf)).toContain("verification failed");

test("openssl verifies leaves of either CA with the bundle until the end, and those of the old one not after it", async () => {
  const { load, first, rotate } = await site();
  const [oldLeaf, oldBundle] = [await leafOf(first), bundleOf(first)];
  expect(await rotate("begin")).toBeUndefined();
  const begun = await load();
  expect(begun.stage).toBe("begun");
  const bundle = bundleOf(begun);
  // What is issued in between is good for nodes that have the new bundle and for those that have not.
  const between = await leafOf(begun);
  for (const trusted of [bundle, oldBundle])
    for (const leaf of [oldLeaf, between]) trusts(trusted, leaf);
  expect(await rotate("switch")).toBeUndefined();
  const switched = await load();
  const newLeaf = await leafOf(switched);
  for (const trusted of [bundle, bundleOf(switched)])
    for (const leaf of [oldLeaf, newLeaf]) trusts(trusted, leaf);
  refuses(oldBundle, newLeaf);
  expect(await rotate("finish")).toBeUndefined();
  const last = await load();
  trusts(bundleOf(last), newLeaf);
  refuses(bundleOf(last), oldLeaf);
  expect(last.certPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
});

test("the next CA has the same settings, its key under the same passphrase, and nothing is open to others", async () => {
  const locked = { ...settings, passphrase };
  const { directory, load, first, rotate } = await site(locked);
  await rotate("begin");
  expect(readFileSync(join(directory, "next/ca-key.pem"), "utf8")).toContain("ENCRYPTED");
  await rotate("switch");
  const switched = await load();
  expect(switched.certificate.subject).toBe(first.certificate.subject);
  expect(switched.about).toMatchObject({ encrypted: true, key: first.about.key });
  expect(switched.certificate.serialNumber).not.toBe(first.certificate.serialNumber);
});

test("the old key is gone in the end, its certificate kept, and the new CA has its place", async () => {
  const { directory, load, first, replaced, rotate } = await site();
  const oldKey = readFileSync(join(directory, "ca-key.pem"), "utf8");
  const oldOctets = openSync(join(directory, "ca-key.pem"), "r");
  for (const step of rotationSteps) await rotate(step);
  expect(readFileSync(oldOctets, "utf8")).not.toContain("PRIVATE KEY");
  closeSync(oldOctets);
  expect(readdirSync(directory).sort()).toEqual(["ca-cert.pem", "ca-key.pem", "retired"]);
  expect(readFileSync(join(directory, "ca-key.pem"), "utf8")).not.toBe(oldKey);
  const record = join(directory, "retired", `${replaced}.pem`);
  expect(readFileSync(record, "utf8")).toBe(first.certPem);
  expect(readdirSync(join(directory, "retired"))).toHaveLength(1);
  expect((await load()).stage).toBe("one");
});

test("steps out of their order are refused, and change nothing", async () => {
  const { directory, rotate } = await site();
  expect(await rotate("switch")).toBe("no rotation of the CA has begun");
  await rotate("begin");
  expect(await rotate("finish")).toBe("the next CA does not sign yet");
  const wrong = { step: "switch", replaced: "ab".repeat(32) } as const;
  expect(await rotateCa(directory, wrong, settings)).toContain("another CA is in use");
  expect(readdirSync(directory).sort()).toEqual(["ca-cert.pem", "ca-key.pem", "next"]);
});

test("a second rotation replaces the CA of the first, and leaves both records", async () => {
  const { directory, load, rotate } = await site();
  for (const step of rotationSteps) await rotate(step);
  const replaced = fingerprintOf((await load()).certificate);
  for (const step of rotationSteps) await rotateCa(directory, { step, replaced }, settings);
  expect(readdirSync(join(directory, "retired"))).toHaveLength(2);
  expect(fingerprintOf((await load()).certificate)).not.toBe(replaced);
});

class PowerCut extends Error {}

/** A disk whose power fails before or after its Nth effect; a cut within a write or an erasure leaves half of it. */
function failingDisk(
  at: number,
  when: "before" | "within" | "after",
): CaDisk & { effects: number } {
  const disk = { effects: 0 };
  const guarded =
    <A extends unknown[], R>(act: (...args: A) => Promise<R>, half?: (...args: A) => void) =>
    async (...args: A): Promise<R> => {
      disk.effects += 1;
      if (disk.effects !== at) return await act(...args);
      if (when === "after") await act(...args);
      if (when === "within") half?.(...args);
      throw new PowerCut();
    };
  return Object.assign(disk, {
    newDirectory: guarded(caDisk.newDirectory),
    makeDirectory: guarded(caDisk.makeDirectory),
    write: guarded(caDisk.write, (file, text) => writeFileSync(file, text.slice(0, 90))),
    rename: guarded(caDisk.rename),
    erase: guarded(caDisk.erase, (file) => writeFileSync(file, "junk")),
    remove: guarded(caDisk.remove),
  });
}

const stageBefore: Readonly<Record<RotationStep, RotationStage>> = {
  begin: "one",
  switch: "begun",
  finish: "switched",
};

test.each(["before", "within", "after"] as const)(
  "power that fails %s any effect leaves a CA that loads, and the step completes when it is repeated",
  async (when) => {
    for (const cutStep of rotationSteps) {
      for (let at = 1; ; at++) {
        const { directory, load, first, rotate } = await site();
        const oldLeaf = await leafOf(first);
        for (const step of rotationSteps.slice(0, rotationSteps.indexOf(cutStep)))
          await rotate(step);
        const disk = failingDisk(at, when);
        const cut = await rotate(cutStep, disk).then(
          () => false,
          (error: unknown) => {
            if (error instanceof PowerCut) return true;
            throw error;
          },
        );
        if (!cut) break;
        const after = await load();
        const where = `${cutStep}, effect ${at}`;
        // Nothing is lost, and a leaf of the old CA is trusted exactly until the step that drops it.
        if (after.stage !== "one" || cutStep === "begin") trusts(bundleOf(after), oldLeaf);
        else refuses(bundleOf(after), oldLeaf);
        if (at === 1 && when === "before") expect(after.stage, where).toBe(stageBefore[cutStep]);
        for (const step of rotationSteps) expect(await rotate(step), where).toBeUndefined();
        expect(readdirSync(directory).sort(), where).toEqual([
          "ca-cert.pem",
          "ca-key.pem",
          "retired",
        ]);
        expect(existsSync(join(directory, "retired")), where).toBe(true);
        const last = await load();
        trusts(bundleOf(last), await leafOf(last));
        refuses(bundleOf(last), oldLeaf);
      }
    }
  },
);
