import { describe, expect, it, test } from "vitest";
import { parseDnsmasq } from "../../../src/inventory/import/dnsmasq-config.ts";
import { malformed, mustRead } from "./read.ts";

const dnsmasq = (...texts: string[]) =>
  parseDnsmasq(texts.map((text, i) => ({ file: `/etc/dnsmasq.d/${i}`, bytes: Buffer.from(text) })));
const read = (...texts: string[]) => mustRead(dnsmasq(...texts));
const remarks = (text: string) =>
  read(text).notes.map(
    ({ place, what, instead }) => `${place.line}:${place.column} ${what}: ${instead}`,
  );
const range = "dhcp-range=10.0.0.10,10.0.0.20,255.255.255.0,1h\n";

describe("dhcp-range", () => {
  it.each<[string, object]>([
    [
      "10.0.0.10,10.0.0.20,255.255.255.0,12h",
      { prefix: 24, pools: [["10.0.0.10", "10.0.0.20"]], seconds: 43_200 },
    ],
    [
      "10.0.0.10,10.0.0.20,255.255.255.0,10.0.0.255,45m",
      { prefix: 24, pools: [["10.0.0.10", "10.0.0.20"]], seconds: 2700 },
    ],
    [
      "set:a,10.0.0.10,10.0.0.20,255.255.0.0",
      { prefix: 16, name: "a", pools: [["10.0.0.10", "10.0.0.20"]], seconds: 3600 },
    ],
    ["10.0.0.10,static,255.255.255.0", { prefix: 24, pools: [], seconds: 3600 }],
    [
      "10.0.0.10,255.255.255.0,600",
      { prefix: 24, pools: [["10.0.0.10", "10.0.0.10"]], seconds: 600 },
    ],
  ])("%s", (text, expected) => {
    const [network] = read(`dhcp-range=${text}`).networks;
    expect({
      prefix: network?.cidr.prefix,
      ...(network?.name !== undefined && { name: network.name }),
      pools: network?.pools.map(({ start, end }) => [start, end]),
      seconds: network?.settings.leaseSeconds,
    }).toEqual(expected);
    expect(remarks(`dhcp-range=${text}`)).toEqual([]);
  });

  it.each<[string, RegExp]>([
    ["10.0.0.10,10.0.0.20,1h", /names no netmask.*10\.0\.0\.0\/24 is a guess: correct cidr/],
    ["10.0.0.10,10.0.3.20,1h", /10\.0\.0\.0\/22 is a guess/],
    ["10.0.0.0,proxy,255.255.255.0", /set mode of this network to proxy/],
    ["::1,::400,constructor:eth0", /IPv4 only/],
    ["10.0.0.10,10.0.9.20,255.255.255.0", /the range does not fit into it/],
    ["10.0.0.10,10.0.0.20,255.0.255.0", /its netmask is none/],
    ["10.0.0.10,10.0.0.20,255.255.255.0,infinite", /leases end here/],
    ["first,last", /it is no range: write it as dhcp-range=/],
    ["tag:x,10.0.0.10,10.0.0.20,255.255.255.0", /no client classes/],
  ])("%s is noted", (text, expected) => {
    expect(remarks(`dhcp-range=${text}`)).toEqual([expect.stringMatching(expected)]);
  });

  test("ranges of one network are its pools", () => {
    const { networks } = read(`${range}dhcp-range=10.0.0.30,10.0.0.40,255.255.255.0,1h`);
    expect(networks.map(({ pools }) => pools.length)).toEqual([2]);
  });
});

describe("dhcp-host", () => {
  it.each<[string, string]>([
    ["52:54:00:00:00:01,10.0.0.5,web", "web 52:54:00:00:00:01 10.0.0.5"],
    ["52:54:00:00:00:01,web", "web 52:54:00:00:00:01 "],
    ["52:54:00:00:00:01,10.0.0.5", " 52:54:00:00:00:01 10.0.0.5"],
    ["01-52:54:00:00:00:01,web.example.com,10.0.0.5", "web.example.com 52:54:00:00:00:01 10.0.0.5"],
    ["id:*,52:54:0:0:0:1,10.0.0.5", " 52:54:00:00:00:01 10.0.0.5"],
  ])("%s", (text, expected) => {
    const { hosts, notes } = read(`${range}dhcp-host=${text}`);
    expect(hosts.map(({ name, mac, addresses }) => `${name ?? ""} ${mac} ${addresses}`)).toEqual([
      expected,
    ]);
    expect(notes).toEqual([]);
  });

  it.each<[string, number, RegExp]>([
    [
      "52:54:00:00:00:01,52:54:00:00:00:02,web",
      1,
      /write the others under its nics: 52:54:00:00:00:02/,
    ],
    ["52:54:00:00:00:01,web,set:red,45m", 1, /no client classes.*; a node has no lease time/],
    ["52:54:00:00:00:01,[fd00::5],web", 1, /IPv4 only/],
    ["52:54:00:00:00:01,ignore", 0, /keep this one out of them by the switch/],
    ["52:54:00:*:*:*,10.0.0.5", 0, /52:54:00:\*:\*:\* is no Ethernet MAC of one machine/],
    ["id:01:02:03,10.0.0.5", 0, /knows machines by their MAC/],
    ["printer,10.0.0.5", 0, /add the machine under nodes with its mac/],
  ])("%s is noted in one line", (text, hosts, expected) => {
    expect(read(`${range}dhcp-host=${text}`).hosts).toHaveLength(hosts);
    expect(remarks(`${range}dhcp-host=${text}`)).toEqual([expect.stringMatching(expected)]);
  });

  test("a dhcp-hostsfile given as a further argument is read, too", () => {
    const { hosts } = read(range, "# hosts\n52:54:00:00:00:01,10.0.0.5,web\n");
    expect(hosts.map(({ name }) => name)).toEqual(["web"]);
  });
});

describe("dhcp-option and the rest", () => {
  it.each<[string, object]>([
    ["dhcp-option=3,10.0.0.1", { gateway: "10.0.0.1" }],
    ["dhcp-option=option:router,10.0.0.1", { gateway: "10.0.0.1" }],
    ["dhcp-option=option:dns-server,10.0.0.2,10.0.0.3", { dns: ["10.0.0.2", "10.0.0.3"] }],
    [
      "dhcp-option=option:domain-search,a.example,b.example",
      { searchDomains: ["a.example", "b.example"] },
    ],
    ["dhcp-option=option:mtu,9000", { mtu: 9000 }],
    [
      "dhcp-option=121,10.9.0.0/16,10.0.0.254",
      { routes: [{ to: { network: "10.9.0.0", prefix: 16 }, via: "10.0.0.254" }] },
    ],
    ["domain=lab.example.com", { domain: "lab.example.com" }],
    ["domain=lab.example.com,10.0.0.0/16", { domain: "lab.example.com" }],
    ["dhcp-option=3", {}],
  ])("%s", (text, expected) => {
    const { networks, notes } = read(`${range}${text}`);
    const { leaseSeconds: _, maxLeaseSeconds: __, ...settings } = networks[0]?.settings ?? {};
    expect(settings).toEqual(expected);
    expect(notes).toEqual([]);
  });

  it.each<[string, RegExp]>([
    ["dhcp-option=option:bootfile-name,x.efi", /rackstrap does this itself/],
    ["dhcp-option=252,http://x", /no such setting/],
    ["dhcp-option=tag:red,3,10.0.0.1", /no client classes/],
    ["dhcp-option=3,0.0.0.0", /0\.0\.0\.0 is this server's own address/],
    ["dhcp-option=option6:dns-server,[::]", /no such setting/],
    ["dhcp-option=encap:175,190,x", /no such setting/],
    ["dhcp-boot=undionly.kpxe,boot,10.0.0.5", /rackstrap does this itself/],
    ["dhcp-match=set:bios,option:client-arch,0", /rackstrap does this itself/],
    ["dhcp-userclass=set:ipxe,iPXE", /rackstrap does this itself/],
    ["dhcp-vendorclass=set:phone,Phone", /no client classes/],
    ['pxe-service=x86PC,"Install, now",pxelinux', /rackstrap does this itself/],
    ["enable-tftp=eth0", /rackstrap does this itself/],
    ["interface=eth*", /no name of one interface/],
    ["conf-dir=/etc/more,*.conf", /name its files as further arguments/],
    ["server=10.0.0.9", /no DNS server/],
    ["made-up-setting=1", /no counterpart/],
  ])("%s is noted", (text, expected) => {
    expect(remarks(`${range}${text}`)).toEqual([expect.stringMatching(expected)]);
  });

  test("a tag that a range sets is its network", () => {
    const { networks } = read(
      "dhcp-range=set:a,10.0.0.10,10.0.0.20,255.255.255.0\ndhcp-range=set:b,10.0.1.10,10.0.1.20,255.255.255.0\ndhcp-option=tag:b,3,10.0.1.1\ndhcp-option=6,10.0.0.2\n",
    );
    expect(networks.map(({ name, settings }) => [name, settings.gateway, settings.dns])).toEqual([
      ["a", undefined, ["10.0.0.2"]],
      ["b", "10.0.1.1", ["10.0.0.2"]],
    ]);
  });

  test("one interface and the listening address are the server's", () => {
    const { server } = read(
      `${range}interface=eth0,lo\nlisten-address=127.0.0.1,10.0.0.5,192.168.1.1\nconf-dir=/etc/dnsmasq.d\n`,
    );
    expect(server).toEqual({ interface: "eth0", address: "10.0.0.5" });
    expect(remarks(`${range}interface=eth0\ninterface=eth1`)).toHaveLength(2);
  });
});

test("a line that is no setting is refused with its place", () => {
  expect(malformed(dnsmasq("port=0\n  subnet 10.0.0.0 {\n"))).toMatch(
    /^\/etc\/dnsmasq\.d\/0:2:3: this is no setting of dnsmasq/,
  );
});
