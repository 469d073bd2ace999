// The DHCP server among the clients that Debian has, on its own wire and behind Debian's relay. Everything it sends is
// read by tshark as well.
//
//   rsi-server                    rsi-relay                         rsi-near, rsi-far
//   rsi-s0 10.77.0.1/24 ───────── rsi-r0 ┐ bridge rsi-up 10.77.0.2/24
//                                 rsi-r1 ┘──────────────────────── eth0, a machine on the server's network
//                                 rsi-down 10.77.1.1/24 ────────── eth0, a machine behind the relay

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { type Capture, type Captured, startCapture } from "./dhcp-lab/capture.ts";
import {
  type ClientProgram,
  clientPackages,
  dhclient,
  dhcpcd,
  networkd,
  type RunningClient,
  udhcpc,
} from "./dhcp-lab/clients.ts";
import { type Lab, openLab } from "./dhcp-lab/lab.ts";
import { type DhcpProcess, network, startDhcp } from "./dhcp-lab/server.ts";

const spaces = { server: "rsi-server", relay: "rsi-relay", near: "rsi-near", far: "rsi-far" };
type Place = "near" | "far";
const third = { near: 0, far: 1 } as const;
const device = "eth0";

let lab: Lab;
let server: DhcpProcess;
let capture: Capture;
const clients: RunningClient[] = [];
/** How each machine is to have renewed its lease, past the relay or through it; tshark tells. */
const renewed = new Map<Mac, { readonly address: string; readonly way: "past" | "through" }>();
/** The boot files that were given. */
const files = new Set<string>();

beforeAll(async () => {
  lab = await openLab(Object.values(spaces), {
    ...clientPackages,
    ...{ dhcrelay: "isc-dhcp-relay", tcpdump: "tcpdump", tshark: "tshark", perfdhcp: "kea-admin" },
  });
  await lab.ip(
    `-n ${spaces.server} link add rsi-s0 type veth peer name rsi-r0 netns ${spaces.relay}`,
    `-n ${spaces.relay} link add rsi-r1 type veth peer name ${device} netns ${spaces.near}`,
    `-n ${spaces.relay} link add rsi-down type veth peer name ${device} netns ${spaces.far}`,
    `-n ${spaces.relay} link add rsi-up type bridge`,
    ...["rsi-r0", "rsi-r1"].map((port) => `-n ${spaces.relay} link set ${port} master rsi-up`),
    ...["rsi-r0", "rsi-r1", "rsi-up", "rsi-down"].map(
      (end) => `-n ${spaces.relay} link set ${end} up`,
    ),
    `-n ${spaces.server} addr add 10.77.0.1/24 dev rsi-s0`,
    `-n ${spaces.relay} addr add 10.77.0.2/24 dev rsi-up`,
    `-n ${spaces.relay} addr add 10.77.1.1/24 dev rsi-down`,
    `-n ${spaces.server} link set rsi-s0 up`,
    `-n ${spaces.near} link set ${device} up`,
    `-n ${spaces.far} link set ${device} up`,
    `-n ${spaces.server} route add 10.77.1.0/24 via 10.77.0.2`,
  );
  await lab.run(spaces.relay, "sysctl", "-qw", "net.ipv4.ip_forward=1");
  capture = await startCapture(lab, spaces.server, "rsi-s0");
  server = await startDhcp(lab, spaces.server, {
    interfaces: [{ name: "rsi-s0", address: "10.77.0.1" as Ipv4 }],
    subnets: [network(0, { interface: "rsi-s0" }), network(1)],
  });
  const argv = ["-4", "-d", "--no-pid", "-a", "-iu", "rsi-up", "-id", "rsi-down", "10.77.0.1"];
  await lab.start(spaces.relay, "dhcrelay", ...argv).said("Sending on   Socket");
});

afterAll(async () => {
  await lab?.close();
});

afterEach(async () => {
  for (const { program } of clients.splice(0)) await program.stop();
  for (const place of ["near", "far"] as const)
    await lab.ip(
      `-n ${spaces[place]} addr flush dev ${device}`,
      `-n ${spaces[place]} route flush all`,
    );
});

async function becomeMachine(place: Place, last: string): Promise<Mac> {
  const mac = `02:77:00:00:01:${last}`;
  const change = `-n ${spaces[place]} link set ${device}`;
  await lab.ip(`${change} down`, `${change} address ${mac}`, `${change} up`);
  return mac as Mac;
}

function start(client: ClientProgram, place: Place, leaseSeconds?: number): RunningClient {
  const running = client.start(lab, spaces[place], device, leaseSeconds);
  clients.push(running);
  return running;
}

/** What became of a machine's messages, from a mark on. */
const kinds = (mac: Mac, since: number) =>
  server
    .events(since)
    .filter((event) => event.mac === mac)
    .map(({ kind }) => kind);

describe.each([
  ["on the server's own network", "near"],
  ["behind the relay", "far"],
] as const)("a machine %s", (_, place) => {
  const gateway = `10.77.${third[place]}.1`;

  it.each([
    [udhcpc, "10"],
    [dhclient(), "11"],
    [dhcpcd, "12"],
    [networkd, "13"],
  ] as const)("gets an address and every parameter: $name", async (client, last) => {
    const mac = await becomeMachine(place, `${third[place]}${last[1]}`);
    const since = server.mark();
    const given = await start(client, place).given();
    const { address } = await server.event({ mac, kind: "dhcp-acknowledged" }, since);
    expect({ ...given, dns: given.dns?.split(/[ ,]/) }).toEqual({
      address,
      mask: "255.255.255.0",
      router: gateway,
      dns: [`10.77.${third[place]}.2`, `10.77.${third[place]}.3`],
      domain: "prov.example.com",
      ntp: `10.77.${third[place]}.4`,
      mtu: "1400",
      serverId: "10.77.0.1",
    });
    expect(address).toMatch(`10.77.${third[place]}.`);
  });
});

describe("a lease", () => {
  it.each([
    ["udhcpc", udhcpc, "30"],
    ["dhclient", dhclient(), "31"],
  ])("is renewed past the relay by %s", async (_, client, last) => {
    const mac = await becomeMachine("far", last);
    const running = start(client, "far", 8);
    const { address } = await running.given();
    const since = server.mark();
    // udhcpc lets short leases come to their second half before it asks; dhclient asks at half of them.
    if (client === udhcpc) running.program.process.kill("SIGUSR1");
    expect(await server.event({ mac, kind: "dhcp-acknowledged" }, since)).toMatchObject({
      address,
    });
    renewed.set(mac, { address: String(address), way: "past" });
  });

  it.each([
    ["udhcpc", udhcpc, "32", 20],
    ["dhclient", dhclient(), "33", 20],
  ])(
    "is renewed by broadcast by %s when the server can't be reached otherwise",
    async (_, client, last, leaseSeconds) => {
      const mac = await becomeMachine("far", last);
      const running = start(client, "far", leaseSeconds);
      const { address } = await running.given();
      await lab.ip(`-n ${spaces.far} route add blackhole 10.77.0.1`);
      const since = server.mark();
      expect(await server.event({ mac, kind: "dhcp-acknowledged" }, since)).toMatchObject({
        address,
      });
      expect(kinds(mac, since)).toEqual(["dhcp-acknowledged"]);
      renewed.set(mac, { address: String(address), way: "through" });
    },
  );

  it.each([
    ["udhcpc", udhcpc, "34", "SIGUSR2"],
    ["dhcpcd", dhcpcd, "35", "SIGALRM"],
  ] as const)(
    "is given back by %s and is the same when it comes again",
    async (_, client, last, signal) => {
      const mac = await becomeMachine("far", last);
      const running = start(client, "far");
      const { address } = await running.given();
      // A signal during dhcpcd's script is lost; this is what it says after it.
      if (client === dhcpcd) await running.program.said("spawned listener");
      const since = server.mark();
      running.program.process.kill(signal);
      expect(await server.event({ mac, kind: "dhcp-released" }, since)).toMatchObject({ address });
      await running.program.stop();
      expect(await start(client, "far").given()).toMatchObject({ address });
    },
  );
});

describe("an address that another machine uses", () => {
  let strangers = 0;
  // The relay's own interface answers for the whole pool's first free address.
  const use = async (address: string) => {
    await lab.ip(`-n ${spaces.relay} addr add ${address}/32 dev rsi-down`);
    return () => lab.ip(`-n ${spaces.relay} addr del ${address}/32 dev rsi-down`);
  };

  it.each([
    ["udhcpc", udhcpc.options("-a500"), "40"],
    ["dhcpcd", dhcpcd, "41"],
  ] as const)("is declined by %s, which gets another one", async (_, client, last) => {
    const taken = await nextAddress();
    const mac = await becomeMachine("far", last);
    const free = await use(taken);
    const since = server.mark();
    const running = start(client, "far");
    const declined = await server.event({ mac, kind: "dhcp-declined" }, since);
    expect(declined.address).toBe(taken);
    const { address } = await running.given();
    await free();
    expect(address).toMatch("10.77.1.");
    expect(address).not.toBe(taken);
  });

  /** What the next stranger will be offered, by what this one gets. */
  async function nextAddress(): Promise<string> {
    strangers += 1;
    await becomeMachine("far", `f${strangers}`);
    const since = server.mark();
    const script = ["-n", "-q", "-t", "1", "-s", "/bin/true"];
    await lab.run(spaces.far, "udhcpc", "-f", "-i", device, ...script);
    const { address = "" } = await server.event({ kind: "dhcp-acknowledged" }, since);
    return address.replace(/\d+$/, (octet) => String(Number(octet) + 1));
  }
});

describe("dhclient, carried to the other network with its lease", () => {
  it.each([
    ["behind the relay", "near", "far", "50"],
    ["to the server's wire", "far", "near", "51"],
  ] as const)("%s, is refused its address and gets one of there", async (_, from, to, last) => {
    await becomeMachine(from, last);
    const client = dhclient();
    const before = start(client, from);
    const { address } = await before.given();
    await before.program.said("bound to");
    // A power cut: nobody is told.
    await before.program.stop("SIGKILL");
    const mac = await becomeMachine(to, last);
    const since = server.mark();
    const after = start(client, to);
    const given = await after.given();
    expect(kinds(mac, since)).toEqual(["dhcp-refused", "dhcp-offered", "dhcp-acknowledged"]);
    expect(server.events(since)[0]).toMatchObject({ address });
    expect(given).toMatchObject({ router: `10.77.${third[to]}.1` });
    expect(given.address).toMatch(`10.77.${third[to]}.`);
  });
});

describe.each(["near", "far"] as const)("firmware %s", (place) => {
  it.each([
    ["a BIOS", 0, [], "undionly.kpxe"],
    ["an x86-64 EFI", 7, [], "ipxe.efi"],
    ["an EFI iPXE", 7, ["-x", "0x4d:69505845"], "http://10.77.0.1:8080/boot/ipxe/boot.ipxe"],
  ] as const)("is told its boot file: %s", async (_, arch, more, file) => {
    const mac = await becomeMachine(place, `8${third[place]}`);
    const vendorClass = `PXEClient:Arch:0000${arch}:UNDI:003016`;
    const identity = ["-V", vendorClass, "-x", `0x5d:000${arch}`, "-x", "0x5e:010310"];
    const asked = ["-O", "bootfile", "-O", "tftp", "-x", `0x61:00${"ab".repeat(16)}`];
    const since = server.mark();
    const argv = [
      "-f",
      "-q",
      "-n",
      "-i",
      device,
      "-s",
      "/bin/true",
      ...identity,
      ...asked,
      ...more,
    ];
    await lab.run(spaces[place], "udhcpc", ...argv);
    await server.event({ mac, kind: "dhcp-acknowledged", bootFile: file }, since);
    files.add(file);
  });
});

describe("perfdhcp, as a relay that the server shares a wire with,", () => {
  /** Three seconds of a hundred exchanges each; what perfdhcp counted, whatever it thinks of it. */
  async function perfdhcp(...options: string[]): Promise<string> {
    await becomeMachine("near", "60");
    await lab.ip(`-n ${spaces.near} addr add 10.77.0.9/24 dev ${device}`);
    const rate = ["-r", "100", "-R", "30", "-p", "3", "-W", "500000"];
    const argv = ["-4", "-l", "10.77.0.9", ...rate, ...options, "10.77.0.1"];
    const ran = await lab.run(spaces.near, "perfdhcp", ...argv).catch((error) => error);
    return String(ran.stdout);
  }
  const drops = (text: string) => text.match(/drops: .*/g);

  it("loses nothing with option 82", async () => {
    const text = await perfdhcp("-o", "82,01047377303102027278");
    expect(drops(text)).toEqual(["drops: 0", "drops: 0"]);
  });

  it("loses no renewal", async () => {
    const text = await perfdhcp("-f", "40");
    expect(drops(text)).toEqual(["drops: 0", "drops: 0", "drops: 0"]);
    expect(text).toContain("REQUEST-ACK (renewal)");
  });

  it("gives its leases back", async () => {
    const since = server.mark();
    const text = await perfdhcp("-F", "40");
    // Nobody answers a RELEASE, so perfdhcp counts each as a loss.
    expect(drops(text)?.slice(0, 2)).toEqual(["drops: 0", "drops: 0"]);
    const released = server.events(since).filter(({ kind }) => kind === "dhcp-released");
    expect(released.length).toBeGreaterThan(20);
    const ignored = server.events(since).filter(({ kind }) => kind === "dhcp-ignored");
    // It draws at random and gives some back twice.
    for (const { reason } of ignored) expect(reason).toMatch(/^it releases .* not leased to it$/);
  });
});

describe("what went over the server's wire, read by tshark,", () => {
  const ours = "dhcp.type == 2 and ip.src == 10.77.0.1";
  let captured: Captured;

  beforeAll(async () => {
    captured = await capture.finish();
  });

  it("has no fault in it", async () => {
    expect(await captured.complaints()).toEqual([]);
    expect((await captured.fields(ours, "frame.number")).length).toBeGreaterThan(1_000);
  });

  it("has every relayed answer go to the relay, with the relay's own option 82", async () => {
    const circuit = "dhcp.option.agent_information_option.agent_circuit_id";
    const names = ["ip.dst", "udp.dstport", circuit];
    const relayed = await captured.fields(`${ours} and dhcp.ip.relay == 10.77.1.1`, ...names);
    expect(relayed.length).toBeGreaterThan(20);
    const hex = Buffer.from("rsi-down").toString("hex");
    for (const answer of relayed)
      expect(answer).toEqual({ "ip.dst": "10.77.1.1", "udp.dstport": "67", [circuit]: hex });
  });

  it("has renewals answered the way they came", async () => {
    expect(renewed.size).toBe(4);
    for (const [mac, { address, way }] of renewed) {
      const renewal = `${ours} and dhcp.option.dhcp == 5 and dhcp.ip.client == ${address}`;
      const filter = `${renewal} and dhcp.hw.mac_addr == ${mac}`;
      const answers = await captured.fields(filter, "ip.dst", "udp.dstport", "dhcp.ip.relay");
      const past = { "ip.dst": address, "udp.dstport": "68", "dhcp.ip.relay": "0.0.0.0" };
      const through = { "ip.dst": "10.77.1.1", "udp.dstport": "67", "dhcp.ip.relay": "10.77.1.1" };
      if (way === "past") expect(answers).toContainEqual(past);
      else for (const answer of answers) expect(answer).toEqual(through);
      expect(answers).not.toEqual([]);
    }
  });

  it("has a refusal broadcast, by the relay where there is one", async () => {
    const names = ["ip.dst", "dhcp.flags.bc", "dhcp.ip.your", "dhcp.option.dhcp_server_id"];
    const naks = await captured.fields(`${ours} and dhcp.option.dhcp == 6`, ...names);
    const nak = { "dhcp.ip.your": "0.0.0.0", "dhcp.option.dhcp_server_id": "10.77.0.1" };
    expect(naks).toContainEqual({ ...nak, "ip.dst": "10.77.1.1", "dhcp.flags.bc": "1" });
    expect(naks).toContainEqual(expect.objectContaining({ ...nak, "ip.dst": "255.255.255.255" }));
  });

  it("has the boot file in its field and next-server beside it", async () => {
    const answers = await captured.fields(
      `${ours} and dhcp.option.dhcp == 5 and dhcp.file != ""`,
      ...["dhcp.file", "dhcp.ip.server"],
    );
    expect(new Set(answers.map((answer) => answer["dhcp.file"]))).toEqual(files);
    for (const answer of answers) expect(answer["dhcp.ip.server"]).toBe("10.77.0.1");
  });
});
