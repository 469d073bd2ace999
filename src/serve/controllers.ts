// The BMC driver of each node. There is one for as long as its settings and its password stay the same: the driver keeps the
// session of its BMC, and the commands to it in a queue.

import { isDeepStrictEqual } from "node:util";
import type { Bmc } from "../bmc/bmc.ts";
import { systemClock } from "../bmc/clock.ts";
import { guarded } from "../bmc/guarded.ts";
import { createIpmi } from "../bmc/ipmi/driver.ts";
import { createLink } from "../bmc/ipmi/link.ts";
import { probeIpmiBmc } from "../bmc/ipmi/probe.ts";
import { createUdpPeers, type UdpPeers } from "../bmc/ipmi/udp.ts";
import { createIpmitool } from "../bmc/ipmitool.ts";
import type { BmcProbe } from "../bmc/probe.ts";
import { refusing } from "../bmc/refusing.ts";
import type { BmcSettings, SecretReference } from "../inventory/bmc-schema.ts";
import type { Node } from "../inventory/schema.ts";
import { readSecret } from "../inventory/secret.ts";
import { messageOf } from "../net/error-text.ts";
import type { Secret } from "../net/secret.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface Controllers {
  /** The driver of a node. Its secrets are read at each call, so that a corrected password needs no restart. */
  find(node: Node): Bmc;
  /** What a node's BMC is and lets in. `tryDefaults`: also tries well-known passwords, and a login without one. */
  probe(node: Node, tryDefaults: boolean, signal: AbortSignal): Promise<BmcProbe>;
  /** Gives every BMC its session back. */
  close(): Promise<void>;
}

interface Opened {
  readonly bmc: Bmc;
  readonly settings: BmcSettings;
  readonly secrets: readonly string[];
}

export function createControllers(environment: Environment): Controllers {
  const opened = new Map<string, Opened>();
  const peers = createUdpPeers();
  const find = (node: Node): Bmc => {
    const settings = node.bmc;
    try {
      const read = (reference: SecretReference) => readSecret(reference, environment);
      const password = read(settings.password);
      const bmcKey = "bmcKey" in settings && settings.bmcKey ? read(settings.bmcKey) : undefined;
      const secrets = [password.reveal(), bmcKey?.reveal() ?? ""];
      const known = opened.get(node.name);
      if (
        known !== undefined &&
        isDeepStrictEqual([known.settings, known.secrets], [settings, secrets])
      )
        return known.bmc;
      const bmc = guarded(createDriver(settings, password, bmcKey, peers), systemClock);
      opened.set(node.name, { bmc, settings, secrets });
      void known?.bmc.close();
      return bmc;
    } catch (cause) {
      return refusing("authentication", `BMC ${settings.address}`, messageOf(cause));
    }
  };
  return {
    find,
    probe: (node, tryDefaults, signal) => {
      const { bmcKey, password } = secretsOf(node.bmc, environment);
      return probeIpmiBmc(
        { ...node.bmc, bmc: find(node), password, bmcKey },
        peers,
        tryDefaults,
        signal,
      );
    },
    close: async () => {
      await Promise.allSettled([...opened.values()].map(({ bmc }) => bmc.close()));
      peers.close();
    },
  };
}

/** The secrets as far as they can be read. */
function secretsOf(settings: BmcSettings, environment: Environment) {
  const read = (reference: SecretReference | undefined) => {
    try {
      return reference && readSecret(reference, environment);
    } catch {
      return undefined;
    }
  };
  const bmcKey = "bmcKey" in settings ? settings.bmcKey : undefined;
  return { password: read(settings.password), bmcKey: read(bmcKey) };
}

function createDriver(
  settings: BmcSettings,
  password: Secret,
  bmcKey: Secret | undefined,
  peers: UdpPeers,
): Bmc {
  const { address, port } = settings;
  switch (settings.kind) {
    case "ipmitool":
      return createIpmitool({ ...settings, password });
    case "ipmi": {
      const link = createLink((receive) => peers.connect(address, port, receive), systemClock);
      return createIpmi({ ...settings, password, bmcKey }, link, systemClock);
    }
  }
}
