// Who this server is to the cluster: a certificate for members that ask who calls, as etcd does. It is made of the CA in force
// when it is first needed, and lives in memory alone.

import type { Identity } from "../cluster/client.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Ca } from "../pki/ca.ts";
import { issueNodeCertificate } from "../pki/issue.ts";

const days = 7;
const halfLifeMs = (days / 2) * 86_400_000;

/** Gives the same identity until half its time is over or another CA is in force. */
export function clusterIdentity(
  ca: () => Ca,
  inventory: LiveInventory,
  now: () => number,
): () => Promise<Identity> {
  let kept: { by: Ca; untilMs: number; identity: Promise<Identity> } | undefined;
  return async () => {
    const by = ca();
    if (kept === undefined || kept.by !== by || now() >= kept.untilMs) {
      const identity = issue(by, inventory().domain, now());
      // One that could not be made is not kept: the next asker tries again.
      identity.catch(() => {
        kept = undefined;
      });
      kept = { by, untilMs: now() + halfLifeMs, identity };
    }
    return await kept.identity;
  };
}

async function issue(ca: Ca, domain: string, nowMs: number): Promise<Identity> {
  const { certPem, keyPem } = await issueNodeCertificate(ca, {
    ...{ name: "rackstrap", fqdn: `rackstrap.${domain}`, addresses: [], key: "ec", days, nowMs },
  });
  return { cert: certPem, key: keyPem };
}
