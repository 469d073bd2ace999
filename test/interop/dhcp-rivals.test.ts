// Another DHCP server, Debian's dnsmasq, on a wire that ours serves.
//
//   rsj-server                    rsj-wire                       rsj-rival, rsj-client
//   rsj-s0 10.77.0.1/24 ───────── bridge ──────────────────────── eth0 10.77.0.9/24; eth0

import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { openLeaseFile, readBootId } from "../../src/store/leases.ts";
import { openLink } from "./dhcp-conformance/link.ts";
import { decodeMessage, encodeMessage, numbers16 } from "./dhcp-conformance/message.ts";
import { startCapture } from "./dhcp-lab/capture.ts";
import { type Lab, openLab, type Program } from "./dhcp-lab/lab.ts";
import { type DhcpProcess, network, startDhcp } from "./dhcp-lab/server.ts";

const spaces = { server: "rsj-server", wire: "rsj-wire", rival: "rsj-rival", client: "rsj-client" };
const rival = "10.77.0.9" as Ipv4;

let lab: Lab;
const running: Program[] = [];

beforeAll(async () => {
  lab = await openLab(Object.values(spaces), {
    ...{ dnsmasq: "dnsmasq-base", udhcpc: "udhcpc", tcpdump: "tcpdump", tshark: "tshark" },
  });
  const { wire } = spaces;
  await lab.ip(
    `-n ${wire} link add rsj-br type bridge`,
    `-n ${wire} link add rsj-w0 type veth peer name rsj-s0 netns ${spaces.server}`,
    `-n ${wire} link add rsj-w1 type veth peer name eth0 netns ${spaces.rival}`,
    `-n ${wire} link add rsj-w2 type veth peer name eth0 netns ${spaces.client}`,
    ...["rsj-w0", "rsj-w1", "rsj-w2"].map((port) => `-n ${wire} link set ${port} master rsj-br up`),
    `-n ${wire} link set rsj-br up`,
    `-n ${spaces.server} addr add 10.77.0.1/24 dev rsj-s0`,
    `-n ${spaces.rival} addr add ${rival}/24 dev eth0`,
    `-n ${spaces.server} link set rsj-s0 up`,
    `-n ${spaces.rival} link set eth0 up`,
    `-n ${spaces.client} link set eth0 up`,
  );
});

afterEach(async () => {
  for (const program of running.splice(0).toReversed()) await program.stop();
});

afterAll(async () => {
  await lab?.close();
});

async function startOurs(
  mode: "authoritative" | "proxy",
  allowSecondServer = false,
): Promise<DhcpProcess> {
  const pools = mode === "proxy" ? { pools: [] } : {};
  const ours = await startDhcp(lab, spaces.server, {
    interfaces: [{ name: "rsj-s0", address: "10.77.0.1" as Ipv4 }],
    subnets: [network(0, { interface: "rsj-s0", mode, ...pools })],
    allowSecondServer,
  });
  running.push(ours.program);
  return ours;
}

async function startRival(): Promise<void> {
  const files = ["--conf-file=/dev/null", "--leasefile-ro", "--pid-file=", "--no-ping"];
  const options = ["--keep-in-foreground", "--user=root", "--port=0", "--interface=eth0"];
  const range = "--dhcp-range=10.77.0.200,10.77.0.220,255.255.255.0,120";
  const argv = [...files, ...options, "--bind-interfaces", range, "--log-facility=-"];
  const program = lab.start(spaces.rival, "dnsmasq", ...argv);
  running.push(program);
  await program.said("DHCP, sockets bound");
}

/** A machine that takes a lease from whoever answers first, its answers broadcast. Returns what it says. */
async function machineAsks(): Promise<string> {
  const argv = ["-f", "-q", "-n", "-B", "-i", "eth0", "-s", "/bin/true"];
  const { stdout, stderr } = await lab.run(spaces.client, "udhcpc", ...argv);
  return stdout + stderr;
}

it("a server that was there first keeps ours from starting, with the reason", async () => {
  await startRival();
  await expect(startOurs("authoritative")).rejects.toThrow(
    `another DHCP server, ${rival}, answers on rsj-s0: switch it off, or set dhcp.allowSecondServer`,
  );
});

it("a server that was there first is named when ours may start all the same, without a machine that asks", async () => {
  await startRival();
  const ours = await startOurs("authoritative", true);
  expect(await ours.event({ kind: "foreign-dhcp-server" })).toMatchObject({
    address: rival,
    interface: "rsj-s0",
    reason: `another DHCP server, ${rival}, answers on rsj-s0`,
  });
});

it("a server that appears later is noticed as soon as it answers a machine", async () => {
  const ours = await startOurs("authoritative");
  expect(ours.events().filter(({ kind }) => kind === "foreign-dhcp-server")).toEqual([]);
  await startRival();
  await machineAsks();
  expect(await ours.event({ kind: "foreign-dhcp-server" })).toMatchObject({ address: rival });
});

it("beside a proxy the other server is no stranger, and a machine's firmware hears an address from it and a boot file from ours", async () => {
  await startRival();
  const capture = await startCapture(lab, spaces.server, "rsj-s0");
  const ours = await startOurs("proxy");
  const heard = await offersToFirmware();
  expect(heard.get(rival)).toMatchObject({
    yiaddr: expect.stringMatching(/^10\.77\.0\.2[01]\d$|^10\.77\.0\.220$/),
    options: expect.not.toSatisfy((options: Map<number, Buffer>) => options.has(67)),
  });
  const proxy = heard.get("10.77.0.1" as Ipv4);
  expect(proxy?.yiaddr).toBe("0.0.0.0");
  expect(proxy?.options.get(60)?.toString()).toBe("PXEClient");
  // The answer may be faster than the line that tells of it.
  await expect
    .poll(() => ours.events().at(-1))
    .toMatchObject({ kind: "dhcp-offered", bootFile: "ipxe.efi" });
  expect(ours.events().filter(({ kind }) => kind === "foreign-dhcp-server")).toEqual([]);
  const captured = await capture.finish();
  expect(await captured.complaints()).toEqual([]);
  const offers = "dhcp.option.dhcp == 2 and ip.src == 10.77.0.1";
  expect(await captured.fields(offers, "dhcp.ip.your", "dhcp.ip.server", "dhcp.file")).toEqual([
    { "dhcp.ip.your": "0.0.0.0", "dhcp.ip.server": "10.77.0.1", "dhcp.file": "ipxe.efi" },
  ]);
});

it("beside a proxy the address that a declared node has from the other server is on record, over a restart", async () => {
  const mac = "02:77:00:00:00:50" as Mac;
  await lab.ip(`-n ${spaces.client} link set eth0 address ${mac}`);
  await startRival();
  const leaseFile = join(lab.directory, "proxied.db");
  const subnets = [network(0, { interface: "rsj-s0", mode: "proxy", pools: [] })];
  const ours = await startDhcp(
    lab,
    spaces.server,
    {
      ...{ interfaces: [{ name: "rsj-s0", address: "10.77.0.1" as Ipv4 }], subnets },
      reservations: [{ mac, address: "10.77.0.50" as Ipv4, hostName: "node01" }],
    },
    leaseFile,
  );
  running.push(ours.program);
  const given = await machineAsks();
  await ours.event({ mac, reason: "REQUEST on proxy network rack0 is for another server" });
  await ours.program.stop();
  const leases = openLeaseFile(leaseFile, { wallNow: Date.now, bootId: readBootId() });
  onTestFinished(() => leases.close());
  const nowMs = Number(process.hrtime.bigint() / 1_000_000n);
  const [row, ...others] = leases.load(nowMs);
  expect([row, others]).toMatchObject([{ mac, state: "foreign" }, []]);
  expect(given).toContain(`lease of ${row?.address} obtained from ${rival}`);
  expect(row?.expiresAtMs).toBeGreaterThan(nowMs);
});

/** What UEFI firmware (arch 7) is offered, by server. Resolves once two servers have answered. */
async function offersToFirmware() {
  const mac = "02:77:00:00:03:01" as Mac;
  const chaddr = Buffer.from(mac.replaceAll(":", ""), "hex");
  const heard = new Map<Ipv4, ReturnType<typeof decodeMessage>>();
  const both = Promise.withResolvers<void>();
  const link = openLink(spaces.client, "eth0", ({ payload, source, sourcePort }) => {
    if (sourcePort !== 67 || payload[0] !== 2) return;
    heard.set(source as Ipv4, decodeMessage(payload));
    if (heard.size === 2) both.resolve();
  });
  const payload = encodeMessage({ xid: 77, flags: 0x8000, chaddr }, [
    [53, Buffer.of(1)],
    [55, Buffer.of(1, 3, 6, 43, 60, 66, 67)],
    [60, Buffer.from("PXEClient:Arch:00007:UNDI:003016")],
    [93, numbers16(7)],
    [94, Buffer.of(1, 3, 16)],
    [97, Buffer.alloc(17)],
  ]);
  try {
    link.send({
      ...{ etherSource: mac, etherDestination: "ff:ff:ff:ff:ff:ff", payload },
      ...{ source: "0.0.0.0", destination: "255.255.255.255", sourcePort: 68, port: 67 },
    });
    await both.promise;
    return heard;
  } finally {
    link.close();
  }
}
