// `rackstrap verify` in the running server: the checks of src/verify with the site's CA, keys and cluster.

import type { VerifyService } from "../api/verify-routes.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { ReadSecret } from "../inventory/secret.ts";
import type { NodeStore } from "../nodes/ports.ts";
import { createNodeShell } from "../operations/node-shell.ts";
import type { ClusterAccess } from "../operations/provision.ts";
import type { Ca } from "../pki/ca.ts";
import type { CertificateStore } from "../pki/issued.ts";
import { createSystemProbes } from "../verify/system.ts";
import { verify } from "../verify/verify.ts";

export interface VerificationTools {
  readonly inventory: LiveInventory;
  readonly nodes: Pick<NodeStore, "wasInstalled">;
  readonly cluster: Pick<ClusterAccess, "roundTrip">;
  readonly certificates: CertificateStore;
  readonly ca: Ca;
  /** The key that opens installed nodes. */
  readonly sshKeyFile: string;
  readonly readSecret: ReadSecret;
}

export function createVerification(tools: VerificationTools): VerifyService["verify"] {
  return async function* (request, signal) {
    const { nodes, cluster, certificates, ca, sshKeyFile, readSecret } = tools;
    const inventory = tools.inventory();
    const issued = certificates.certificates();
    const probes = createSystemProbes({
      ...{ inventory, readSecret, ca: ca.certPem },
      shell: createNodeShell(inventory.server.stateDirectory, sshKeyFile),
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
