// Addresses that somebody uses without a lease: the DHCP server asks the network before it offers one for the first time.
//
//   rsk-server                     rsk-router                        rsk-far
//   rsk-s0 10.77.0.1/24 ────────── rsk-r0 10.77.0.2/24
//                                  rsk-r1 10.77.1.1/24 ───────────── eth0, a machine with an address of its own

import { afterAll, beforeAll, expect, it } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { startCapture } from "./dhcp-lab/capture.ts";
import { type Lab, openLab } from "./dhcp-lab/lab.ts";
import { type DhcpProcess, network, startDhcp } from "./dhcp-lab/server.ts";

const spaces = { server: "rsk-server", router: "rsk-router", far: "rsk-far" };
const reserved = { mac: "02:77:00:00:02:50" as Mac, address: "10.77.0.50" as Ipv4 };

let lab: Lab;
let server: DhcpProcess;

beforeAll(async () => {
  lab = await openLab(Object.values(spaces), {
    ...{ udhcpc: "udhcpc", dhcrelay: "isc-dhcp-relay", tcpdump: "tcpdump", tshark: "tshark" },
  });
  const { router } = spaces;
  await lab.ip(
    `-n ${spaces.server} link add rsk-s0 type veth peer name rsk-r0 netns ${router}`,
    `-n ${router} link add rsk-r1 type veth peer name eth0 netns ${spaces.far}`,
    `-n ${spaces.server} addr add 10.77.0.1/24 dev rsk-s0`,
    `-n ${router} addr add 10.77.0.2/24 dev rsk-r0`,
    `-n ${router} addr add 10.77.1.1/24 dev rsk-r1`,
    // Machines with an address of their own, both at the start of their pool.
    `-n ${router} addr add 10.77.0.100/24 dev rsk-r0`,
    `-n ${spaces.far} addr add 10.77.1.100/24 dev eth0`,
    `-n ${spaces.server} link set rsk-s0 up`,
    `-n ${router} link set rsk-r0 up`,
    `-n ${router} link set rsk-r1 up`,
    `-n ${spaces.far} link set eth0 up`,
    `-n ${spaces.far} route add default via 10.77.1.1`,
    `-n ${spaces.server} route add 10.77.1.0/24 via 10.77.0.2`,
  );
  await lab.run(router, "sysctl", "-qw", "net.ipv4.ip_forward=1");
  server = await startDhcp(lab, spaces.server, {
    interfaces: [{ name: "rsk-s0", address: "10.77.0.1" as Ipv4 }],
    subnets: [network(0, { interface: "rsk-s0" }), network(1)],
    reservations: [{ ...reserved, hostName: "node01" }],
    conflictProbe: true,
  });
  const argv = ["-4", "-d", "--no-pid", "-a", "-iu", "rsk-r0", "-id", "rsk-r1", "10.77.0.1"];
  await lab.start(router, "dhcrelay", ...argv).said("Sending on   Socket");
});

afterAll(async () => {
  await lab?.close();
});

/** Has a machine ask once, without taking the address up, and tells what became of it and how long its answer took. */
async function ask(space: string, device: string, mac: string) {
  const since = server.mark();
  const change = `-n ${space} link set ${device}`;
  await lab.ip(`${change} address ${mac}`);
  const argv = ["udhcpc", "-f", "-q", "-n", "-t", "1", "-T", "3", "-i", device, "-s", "/bin/true"];
  const startedMs = performance.now();
  await lab.run(space, ...argv);
  const tookMs = performance.now() - startedMs;
  const event = await server.event({ kind: "dhcp-acknowledged", mac: mac as Mac }, since);
  return { tookMs, address: event.address, kinds: server.events(since).map(({ kind }) => kind) };
}

it.each([
  ["on the server's own network, by ARP", spaces.router, "rsk-r0", "10.77.0"],
  ["behind a router, by ping", spaces.far, "eth0", "10.77.1"],
])(
  "an address that is in use %s, is not offered but set aside",
  async (_, space, device, prefix) => {
    const first = await ask(space, device, "02:77:00:00:02:01");
    expect(first).toMatchObject({
      address: `${prefix}.101`,
      kinds: ["dhcp-conflict", "dhcp-offered", "dhcp-acknowledged"],
    });
    expect(
      server
        .events()
        .filter(({ kind }) => kind === "dhcp-conflict")
        .at(-1),
    ).toMatchObject({
      address: `${prefix}.100`,
      reason: `${prefix}.100 is in use by a machine that has no lease for it`,
    });
    // Its neighbours were asked for at the same time.
    const second = await ask(space, device, "02:77:00:00:02:02");
    expect(second).toMatchObject({ address: `${prefix}.102` });
    expect(second.tookMs).toBeLessThan(first.tookMs);
  },
);

it("a machine with a reservation is answered within 50 ms: nobody is asked about its address", async () => {
  const capture = await startCapture(lab, spaces.server, "rsk-s0");
  const { kinds } = await ask(spaces.router, "rsk-r0", reserved.mac);
  expect(kinds).toEqual(["dhcp-offered", "dhcp-acknowledged"]);
  const captured = await capture.finish();
  const times = await captured.fields("dhcp", "dhcp.option.dhcp", "frame.time_epoch");
  expect(times.map((datagram) => datagram["dhcp.option.dhcp"])).toEqual(["1", "2", "3", "5"]);
  const [discover, offer] = times.map((datagram) => Number(datagram["frame.time_epoch"]));
  expect((offer ?? 0) - (discover ?? 0)).toBeLessThan(0.05);
});
