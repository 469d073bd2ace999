// The BMC driver of each node. There is one for as long as its password stays the same: the driver keeps the
// commands of a BMC in a queue, since many bear only one session.

import type { Bmc } from "../bmc/bmc.ts";
import { createIpmitool } from "../bmc/ipmitool.ts";
import { refusing } from "../bmc/refusing.ts";
import type { Node } from "../inventory/schema.ts";
import { readSecret } from "../inventory/secret.ts";
import { messageOf } from "../net/error-text.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Finds the driver of a node. The secret is read at each call, so that a corrected password needs no restart. */
export function createControllers(environment: Environment): (node: Node) => Bmc {
  const open = new Map<string, { readonly bmc: Bmc; readonly password: string }>();
  return (node) => {
    try {
      const password = readSecret(node.bmc.password, environment);
      const known = open.get(node.name);
      if (known?.password === password.reveal()) return known.bmc;
      const { address, port, user, cipherSuite } = node.bmc;
      const bmc = createIpmitool({ address, port, user, password, cipherSuite });
      open.set(node.name, { bmc, password: password.reveal() });
      return bmc;
    } catch (cause) {
      return refusing("authentication", `BMC ${node.bmc.address}`, messageOf(cause));
    }
  };
}
