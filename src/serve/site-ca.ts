// The CA of the site: the operator's own, else the one in the state directory, made at the first start. Whoever uses it asks for the one in
// force each time: a rotation changes it while the server runs.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Inventory } from "../inventory/schema.ts";
import type { ReadSecret } from "../inventory/secret.ts";
import { nameSecret } from "../inventory/secret-schema.ts";
import { messageOf } from "../net/error-text.ts";
import { loadAuthority } from "../pki/authority.ts";
import { type Ca, loadOrCreateCa } from "../pki/ca.ts";
import { replaceDurably } from "../pki/durable.ts";
import type { CaInForce } from "../pki/in-force.ts";
import type { Passphrase } from "../pki/key-file.ts";
import { rotateCa } from "../pki/rotate-ca.ts";

/** What nodes trust, for clients on this host such as curl: in the state directory, whatever the CA and its rotation. */
const bundleFile = "ca-bundle.pem";

/**
 * Throws one sentence with the remedy when the CA can't be used, or its passphrase not be read. `onUnpublished` is told when the bundle
 * for clients can't be written at the start: a full disk must not keep machines from booting.
 */
export async function openSiteCa(
  inventory: Inventory,
  readSecret: ReadSecret,
  now: () => number,
  onUnpublished: (error: unknown) => void,
): Promise<CaInForce> {
  const { pki, server } = inventory;
  const publish = async (ca: Ca) => {
    const file = join(server.stateDirectory, bundleFile);
    const isSame = (await readFile(file, "utf8").catch(() => undefined)) === ca.certPem;
    if (!isSame) await replaceDurably(file, ca.certPem);
  };
  const passphrase = pki.passphrase && (await readPassphrase(pki.passphrase, readSecret));
  if (pki.authority !== undefined) {
    const ca = await loadAuthority(pki.authority, { passphrase });
    await publish(ca).catch(onUnpublished);
    const refusal = refusalOf(pki.authority);
    return { ca: () => ca, refusal, rotate: async () => ({ ok: false, ...refusal }) };
  }
  const directory = join(server.stateDirectory, "pki");
  const settings = () => ({ ...settingsOf(inventory), passphrase, nowMs: now() });
  const load = async () => await loadOrCreateCa(directory, settings());
  let ca = await load();
  await publish(ca).catch(onUnpublished);
  return {
    ca: () => ca,
    refusal: undefined,
    rotate: async (step, replaced) => {
      const why = await rotateCa(directory, { step, replaced }, settings());
      if (why !== undefined) return { ok: false, why, next: "see: rackstrap certs status" };
      const next = await load();
      await publish(next);
      ca = next;
      return { ok: true };
    },
  };
}

function settingsOf({ pki, cluster }: Inventory) {
  // 64 characters are the most (RFC 5280, ub-common-name).
  const { key, caDays, commonName = `${cluster.name.slice(0, 61)} CA` } = pki;
  return { commonName, key, caDays };
}

function refusalOf({ certificate }: NonNullable<Inventory["pki"]["authority"]>) {
  return {
    why: "the CA is the operator's own (pki.authority), which is never written to",
    next: `append the next CA's root to ${certificate}, start the server again, rotate the nodes' certificates; docs/certificates.md has the steps after that`,
  };
}

async function readPassphrase(
  reference: NonNullable<Inventory["pki"]["passphrase"]>,
  readSecret: ReadSecret,
): Promise<Passphrase> {
  try {
    return { secret: await readSecret(reference), name: nameSecret(reference) };
  } catch (cause) {
    throw new Error(`pki.passphrase: ${messageOf(cause)}`, { cause });
  }
}
