// Black-box cases from the RFCs, sent as raw frames to a server in a namespace of its own. `SERVER=kea`, `dnsmasq`
// or `dhcpd` runs them against that server instead, which tells whether a case is fair.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { abuseCases } from "./dhcp-conformance/abuse.ts";
import { type Case, runCase } from "./dhcp-conformance/bench.ts";
import { exchangeCases } from "./dhcp-conformance/exchange.ts";
import { givingUpCases } from "./dhcp-conformance/giving-up.ts";
import { identityCases } from "./dhcp-conformance/identity.ts";
import { malformedCases } from "./dhcp-conformance/malformed.ts";
import { nakCases } from "./dhcp-conformance/nak.ts";
import { type Network, openNetwork } from "./dhcp-conformance/network.ts";
import { optionCases } from "./dhcp-conformance/options.ts";
import { proxyCases } from "./dhcp-conformance/proxy.ts";
import { pxeCases } from "./dhcp-conformance/pxe.ts";
import { relayCases } from "./dhcp-conformance/relay.ts";
import { selectingCases } from "./dhcp-conformance/selecting.ts";
import { type Server, startServer } from "./dhcp-conformance/server.ts";
import { site } from "./dhcp-conformance/site.ts";
import { sizeCases } from "./dhcp-conformance/sizes.ts";
import { stateCases } from "./dhcp-conformance/states.ts";

let network: Network;
let server: Server | undefined;

beforeAll(async () => {
  network = await openNetwork(site);
  server = await startServer(network, site, process.env["SERVER"]);
});

afterAll(async () => {
  await server?.stop();
  await network?.close();
});

const themes: Readonly<Record<string, readonly Case[]>> = {
  "a first exchange": exchangeCases,
  "a choice of server": selectingCases,
  "a client's states": stateCases,
  "DECLINE, RELEASE and strange types": givingUpCases,
  "a NAK": nakCases,
  options: optionCases,
  "sizes and overload": sizeCases,
  "who a client is": identityCases,
  relays: relayCases,
  "network boot": pxeCases,
  "malformed messages": malformedCases,
  abuse: abuseCases,
  proxyDHCP: proxyCases,
};

for (const [theme, cases] of Object.entries(themes))
  describe.concurrent(theme, () => {
    it.for(cases)("%s (%s)", async ([, , prove]) => {
      await runCase(network, prove);
    });
  });

it("the server has outlived all of it", () => {
  expect(server?.alive()).toBe(true);
});
