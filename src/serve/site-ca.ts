// The CA of the site: the operator's own, else the one in the state directory, made at the first start.

import { join } from "node:path";
import type { Inventory } from "../inventory/schema.ts";
import type { ReadSecret } from "../inventory/secret.ts";
import { nameSecret } from "../inventory/secret-schema.ts";
import { messageOf } from "../net/error-text.ts";
import { loadAuthority } from "../pki/authority.ts";
import { type Ca, loadOrCreateCa } from "../pki/ca.ts";
import type { Passphrase } from "../pki/key-file.ts";

/** Throws one sentence with the remedy when the CA can't be used, or its passphrase not be read. */
export async function loadSiteCa(
  { pki, cluster, server }: Inventory,
  readSecret: ReadSecret,
  nowMs: number,
): Promise<Ca> {
  const passphrase = pki.passphrase && (await readPassphrase(pki.passphrase, readSecret));
  if (pki.authority !== undefined) return await loadAuthority(pki.authority, { passphrase, nowMs });
  // 64 characters are the most (RFC 5280, ub-common-name).
  const { key, caDays, commonName = `${cluster.name.slice(0, 61)} CA` } = pki;
  const directory = join(server.stateDirectory, "pki");
  return await loadOrCreateCa(directory, { commonName, key, caDays, passphrase, nowMs });
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
