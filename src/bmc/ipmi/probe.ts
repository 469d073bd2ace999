// The questions of a probe to a BMC at its IPMI port.

import type { Ipv4 } from "../../net/ipv4.ts";
import { Secret } from "../../net/secret.ts";
import { BmcError, bmcError } from "../bmc.ts";
import { systemClock } from "../clock.ts";
import type { DefaultLogin } from "../default-logins.ts";
import { type BmcProbe, type ProbeQuestions, type ProbeTarget, probeBmc } from "../probe.ts";
import { redfishRoot } from "../redfish-root.ts";
import { authenticationCapabilities, offeredSuites } from "./channel.ts";
import { createLink, type Link } from "./link.ts";
import { openSession } from "./session.ts";
import { opensWithoutPassword } from "./suite-zero.ts";
import type { UdpPeers } from "./udp.ts";

export interface IpmiProbeTarget extends ProbeTarget {
  readonly address: Ipv4;
  readonly port: number;
  readonly bmcKey?: Secret | undefined;
  readonly redfishPort: number;
}

/** Probes over a link of its own, beside the driver's session. */
export async function probeIpmiBmc(
  target: IpmiProbeTarget,
  peers: UdpPeers,
  tryDefaults: boolean,
  signal: AbortSignal,
): Promise<BmcProbe> {
  const { address, port } = target;
  const link = createLink((receive) => peers.connect(address, port, receive), systemClock);
  try {
    const options = { tryDefaults, clock: systemClock };
    return await probeBmc(target, questionsOf(target, link), options, signal);
  } finally {
    link.close();
  }
}

function questionsOf(target: IpmiProbeTarget, link: Link): ProbeQuestions {
  const { address, redfishPort } = target;
  let suites: readonly number[] | undefined;
  return {
    capabilities: (signal) => authenticationCapabilities(link, signal),
    suites: async (signal) => {
      const records = await offeredSuites(link, signal);
      suites = records && [...new Set(records.map(({ id }) => id))];
      return suites;
    },
    opensWithoutPassword: (user, signal) => opensWithoutPassword(link, user, signal),
    logsIn: (login, signal) =>
      logsIn(target, link, login, suites?.includes(17) === false ? 3 : 17, signal),
    redfish: (signal) => redfishRoot(address, redfishPort, signal),
  };
}

async function logsIn(
  { address, port, bmcKey }: IpmiProbeTarget,
  link: Link,
  { user, password }: DefaultLogin,
  suite: 3 | 17,
  signal: AbortSignal,
): Promise<boolean> {
  const credentials = { user, password: new Secret(password), bmcKey };
  const subject = `BMC ${address}:${port}, user ${user}`;
  try {
    const session = await openSession(
      link,
      credentials,
      suite,
      (kind, said) => bmcError(kind, subject, said),
      signal,
    );
    await session.close();
    return true;
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    // Some fall silent at a name that they don't know.
    if (error.kind === "authentication" || error.kind === "timeout") return false;
    throw error;
  }
}
