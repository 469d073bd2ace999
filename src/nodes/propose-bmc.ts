// How the BMC of a new node is driven: as its profile says, else as that of a node like it. Only references to secrets are passed on.

import type { BmcSettings } from "../inventory/bmc-schema.ts";
import type { Inventory } from "../inventory/schema.ts";

interface BmcProposal {
  readonly settings: Readonly<Record<string, unknown>>;
  /** The node that user and password are taken from; undefined where the profile has them. */
  readonly like: string | undefined;
  readonly remarks: readonly string[];
}

export function proposeBmc(inventory: Inventory, profile: string, address: string): BmcProposal {
  const { user, password } = inventory.profiles[profile]?.bmc ?? {};
  if (user !== undefined && password !== undefined)
    return { settings: { address }, like: undefined, remarks: [] };
  const { nodes } = inventory;
  const like = nodes.findLast((node) => node.profile === profile) ?? nodes.at(-1);
  if (like === undefined) return { settings: { address }, like: undefined, remarks: [] };
  return { like: like.name, ...settingsLike(like.bmc, address) };
}

/** What the schema fills in by itself is left out. */
function settingsLike(bmc: BmcSettings, address: string): Omit<BmcProposal, "like"> {
  const { user, password } = bmc;
  switch (bmc.kind) {
    case "ipmi":
    case "ipmitool":
      return {
        settings: {
          ...(bmc.kind === "ipmitool" && { kind: bmc.kind }),
          ...{ address, user, password },
          ...(bmc.port !== 623 && { port: bmc.port }),
          ...(bmc.cipherSuite !== 17 && { cipherSuite: bmc.cipherSuite }),
        },
        remarks: [],
      };
    case "redfish": {
      const { kind, trust, port, authentication, vendor } = bmc;
      // A certificate is one machine's own; a CA and the lack of one are the site's.
      const isCommon = "ca" in trust || "insecure" in trust;
      return {
        settings: {
          ...{ kind, address, user, password },
          ...(isCommon && { trust }),
          ...(port !== 443 && { port }),
          ...(authentication !== "session" && { authentication }),
          ...(vendor !== undefined && { vendor }),
        },
        remarks: isCommon
          ? []
          : ["bmc: how its certificate is known must be added: rackstrap bmc probe shows it"],
      };
    }
  }
}
