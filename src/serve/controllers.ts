// The BMC driver of each node. There is one for as long as its settings and its password stay the same: the driver keeps the
// session of its BMC, and the commands to it in a queue.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { type Bmc, bmcError } from "../bmc/bmc.ts";
import { systemClock } from "../bmc/clock.ts";
import { delegating, type WithDriver } from "../bmc/delegating.ts";
import { guarded } from "../bmc/guarded.ts";
import { createIpmi } from "../bmc/ipmi/driver.ts";
import { createLink } from "../bmc/ipmi/link.ts";
import { probeIpmiBmc } from "../bmc/ipmi/probe.ts";
import type { IpmiSettings } from "../bmc/ipmi/session-keeper.ts";
import { createUdpPeers, type UdpPeers } from "../bmc/ipmi/udp.ts";
import { createIpmitool } from "../bmc/ipmitool.ts";
import type { BmcProbe } from "../bmc/probe.ts";
import { createRedfish } from "../bmc/redfish/driver.ts";
import { insecurityOf, type Trust } from "../bmc/redfish/trust.ts";
import type { BmcSettings, RedfishBmc } from "../inventory/bmc-schema.ts";
import type { Node } from "../inventory/schema.ts";
import type { ReadSecret } from "../inventory/secret.ts";
import { messageOf } from "../net/error-text.ts";
import type { Secret } from "../net/secret.ts";

export interface Controllers {
  /**
   * The driver of a node, which may be kept. Its secrets are read at each of its calls, and its settings are those in force then: a
   * corrected password or address needs no restart.
   */
  find(node: Node): Bmc;
  /** What a node's BMC is and lets in. `tryDefaults`: also tries well-known passwords, and a login without one. */
  probe(node: Node, tryDefaults: boolean, signal: AbortSignal): Promise<BmcProbe>;
  /** Lets go of the BMCs that these nodes don't have: each gets its session back once what was asked of it is done. */
  keep(nodes: readonly Node[]): void;
  /** Gives every BMC its session back. */
  close(): Promise<void>;
}

interface Opened {
  readonly bmc: Bmc;
  readonly settings: BmcSettings;
  /** The texts of all that it trusts and is trusted by. */
  readonly texts: readonly unknown[];
}

/** `inForce` knows a declared node by name, as it is declared now. */
export function createControllers(
  readSecret: ReadSecret,
  inForce: (name: string) => Node | undefined = () => undefined,
): Controllers {
  const opened = new Map<string, Opened>();
  const peers = createUdpPeers();
  const current = ({ name, bmc: settings }: Node, secrets: Secrets): Bmc => {
    const trust = settings.kind === "redfish" ? readTrust(settings.trust) : undefined;
    const texts = [secrets.password.reveal(), secrets.bmcKey?.reveal(), trust];
    const known = opened.get(name);
    if (known !== undefined && isDeepStrictEqual([known.settings, known.texts], [settings, texts]))
      return known.bmc;
    const driver = createDriver(settings, secrets, peers);
    const bmc = guarded(driver, `BMC ${settings.address}`, systemClock);
    opened.set(name, { bmc, settings, texts });
    void known?.bmc.close();
    return bmc;
  };
  const find = (node: Node): Bmc => {
    const { kind, address } = node.bmc;
    const subject = `BMC ${address}`;
    const refuse = (cause: unknown) => bmcError("authentication", subject, messageOf(cause));
    const withDriver: WithDriver = async (use) => {
      const declared = inForce(node.name) ?? node;
      const secrets = await readSecrets(declared.bmc, readSecret).catch((cause: unknown) => {
        throw refuse(cause);
      });
      let bmc: Bmc;
      try {
        bmc = current(declared, secrets);
      } catch (cause) {
        throw refuse(cause);
      }
      // Nothing was waited for since: nobody can have closed the driver meanwhile, or opened a second one.
      return await use(bmc);
    };
    return delegating(withDriver, subject, kind === "redfish");
  };
  return {
    find,
    probe: async (node, tryDefaults, signal) => {
      const { address, user } = node.bmc;
      const target = {
        ...{ address, user, password: undefined, bmc: find(node) },
        ...portsOf(node.bmc),
        ...(await readableSecrets(node.bmc, readSecret)),
      };
      return await probeIpmiBmc(target, peers, tryDefaults, signal);
    },
    keep: (nodes) => {
      const wanted = new Map(nodes.map((node) => [node.name, node.bmc]));
      for (const [name, { bmc, settings }] of opened) {
        if (isDeepStrictEqual(wanted.get(name), settings)) continue;
        opened.delete(name);
        // What it says to that changes nothing: it ends a session that nobody keeps.
        void bmc.close().catch(() => undefined);
      }
    },
    close: async () => {
      await Promise.allSettled([...opened.values()].map(({ bmc }) => bmc.close()));
      peers.close();
    },
  };
}

interface Secrets {
  readonly password: Secret;
  readonly bmcKey: Secret | undefined;
}

async function readSecrets(settings: BmcSettings, readSecret: ReadSecret): Promise<Secrets> {
  const ipmi = settings.kind === "redfish" ? settings.console : settings;
  const key = ipmi !== undefined && "bmcKey" in ipmi ? ipmi.bmcKey : undefined;
  return {
    password: await readSecret(settings.password),
    bmcKey: key && (await readSecret(key)),
  };
}

/** None where one can't be read: whoever needs it says so. */
async function readableSecrets(
  settings: BmcSettings,
  readSecret: ReadSecret,
): Promise<Partial<Secrets>> {
  try {
    return await readSecrets(settings, readSecret);
  } catch {
    return {};
  }
}

/** Where a BMC speaks IPMI, and where Redfish. */
function portsOf(settings: BmcSettings): { readonly port: number; readonly redfishPort: number } {
  return settings.kind === "redfish"
    ? { port: settings.console?.port ?? 623, redfishPort: settings.port }
    : { port: settings.port, redfishPort: 443 };
}

function createDriver(settings: BmcSettings, secrets: Secrets, peers: UdpPeers): Bmc {
  switch (settings.kind) {
    case "ipmitool":
      return createIpmitool({ ...settings, ...secrets });
    case "ipmi":
      return createNativeIpmi({ ...settings, ...secrets }, peers);
    case "redfish": {
      const { console, user, address } = settings;
      const ipmi = console && createNativeIpmi({ address, user, ...console, ...secrets }, peers);
      const trust = readTrust(settings.trust);
      return createRedfish({ ...settings, ...secrets, trust }, systemClock, { ipmi });
    }
  }
}

function createNativeIpmi(settings: IpmiSettings, peers: UdpPeers): Bmc {
  const { address, port } = settings;
  const link = createLink((receive) => peers.connect(address, port, receive), systemClock);
  return createIpmi(settings, link, systemClock);
}

/** The same with certificates in place of the files they are in. */
function readTrust(trust: RedfishBmc["trust"]): Trust {
  if ("certificate" in trust) return { certificate: readFileSync(trust.certificate, "utf8") };
  if ("ca" in trust) return { ...trust, ca: readFileSync(trust.ca, "utf8") };
  return trust;
}

/** What is wrong with how a node's BMC is trusted; undefined when nothing is. */
export function insecurityOfBmc({ bmc }: Node): string | undefined {
  return bmc.kind === "redfish" && "insecure" in bmc.trust
    ? insecurityOf({ ...bmc, trust: bmc.trust })
    : undefined;
}
