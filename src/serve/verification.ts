// `rackstrap verify` in the running server: the checks of src/verify with the site's CA, keys and cluster.

import type { VerifyService } from "../api/verify-routes.ts";
import type { Identity } from "../cluster/client.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { ReadSecret } from "../inventory/secret.ts";
import type { NodeStore } from "../nodes/ports.ts";
import { type ClusterAccess, driversOf } from "../operations/cluster-access.ts";
import type { NodeShell } from "../operations/node-shell.ts";
import type { Ca } from "../pki/ca.ts";
import type { CertificateStore } from "../pki/issued.ts";
import { createSystemProbes, observeLimits } from "../verify/system.ts";
import { verify } from "../verify/verify.ts";

export interface VerificationTools {
  readonly inventory: LiveInventory;
  readonly nodes: Pick<NodeStore, "wasInstalled">;
  readonly cluster: Pick<ClusterAccess, "roundTrip">;
  readonly certificates: CertificateStore;
  readonly ca: () => Ca;
  /** Who this server is to members that ask who calls. */
  readonly identity: () => Promise<Identity>;
  readonly shell: NodeShell;
  readonly readSecret: ReadSecret;
}

export function createVerification(tools: VerificationTools): VerifyService["verify"] {
  const { inventory: live, nodes, cluster, certificates, ca, readSecret } = tools;
  const { identity, shell } = tools;
  const driver = driversOf({ inventory: live, ca: () => ca().certPem, identity }, observeLimits);
  return async function* (request, signal) {
    const inventory = live();
    const issued = certificates.certificates();
    const probes = createSystemProbes({
      ...{ inventory, readSecret, driver, shell, ca: ca().certPem },
      roundTrip: cluster.roundTrip,
      // The newest comes first.
      issuedFingerprint: (name) => issued.find(({ node }) => node === name)?.fingerprint,
    });
    try {
      const wasInstalled = (name: string) => nodes.wasInstalled(name);
      yield* verify({ inventory, wasInstalled }, probes, request, signal);
    } finally {
      probes.close();
    }
  };
}
