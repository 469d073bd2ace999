import { describe, expect, it, test } from "vitest";
import { dnsFiles } from "../../src/generate/dns-zones.ts";
import { networkOf, reverseZone } from "../../src/generate/reverse-zone.ts";
import { nextSerial, serialOf } from "../../src/generate/zone-serial.ts";
import { parseCidr } from "../../src/net/cidr.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { atMs, inventoryWith, type plainSite, siteWith } from "./site.ts";

const forward = "dns/example.com.zone";

function zones(change?: (file: ReturnType<typeof plainSite>) => void): Record<string, string> {
  const files = dnsFiles(siteWith({ inventory: inventoryWith(change) }));
  return Object.fromEntries(files.map(({ path, text }) => [path, text]));
}

function cidrOf(text: string) {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`${text} is no network`);
  return cidr;
}

test.each([
  ["10.0.0.0/8", "10.1.2.3", "10.in-addr.arpa"],
  ["10.1.0.0/16", "10.1.2.3", "1.10.in-addr.arpa"],
  ["10.1.2.0/24", "10.1.2.3", "2.1.10.in-addr.arpa"],
  ["10.0.0.0/7", "10.1.2.3", "10.in-addr.arpa"],
  ["10.0.0.0/12", "10.1.2.3", "1.10.in-addr.arpa"],
  ["10.1.0.0/20", "10.1.2.3", "2.1.10.in-addr.arpa"],
  ["10.1.2.0/25", "10.1.2.3", "2.1.10.in-addr.arpa"],
  ["10.1.2.3/32", "10.1.2.3", "2.1.10.in-addr.arpa"],
])("in %s the name of %s stands in %s", (network, address, zone) => {
  expect(reverseZone(cidrOf(network), address as Ipv4)).toBe(zone);
});

test("an address belongs to the smallest network around it, and has a /24 where there is none", () => {
  const [wide, narrow] = [cidrOf("10.0.0.0/8"), cidrOf("10.0.10.0/24")];
  expect(networkOf([wide, narrow], "10.0.10.5" as Ipv4)).toBe(narrow);
  expect(networkOf([wide, narrow], "10.9.9.9" as Ipv4)).toBe(wide);
  expect(reverseZone(networkOf([], "10.9.8.7" as Ipv4), "10.9.8.7" as Ipv4)).toBe(
    "8.9.10.in-addr.arpa",
  );
});

describe("the serial", () => {
  it.each<[string, number | undefined, number]>([
    ["begins with the day", undefined, 2026010201],
    ["goes from an older day to this one", 2025123105, 2026010201],
    ["counts within the day", 2026010201, 2026010202],
    ["grows past the hundredth change of a day", 2026010299, 2026010300],
    ["grows from a clock that was ahead", 2031010101, 2031010102],
    ["takes over a plain counter", 17, 2026010201],
    ["goes on after the largest", 0xffff_ffff, 1],
  ])("%s", (_what, before, expected) => {
    expect(nextSerial(before, atMs)).toBe(expected);
  });

  it.each([
    ["example.com. IN SOA ns. host. (\n  42 ; serial\n  3600 )", 42],
    [
      "@ IN SOA ns.example.com. hostmaster.example.com. ( 2026010101 3600 600 1209600 3600 )",
      2026010101,
    ],
    ["@ SOA ns. h. 7 1 1 1 1", 7],
    ["@ SOA ns. h. 99999999999 1 1 1 1", undefined],
    ["no zone at all", undefined],
  ])("is read from %j", (zone, serial) => {
    expect(serialOf(zone)).toBe(serial);
  });

  it("grows where a record changes, and stays in a zone where none does", () => {
    const before = zones();
    const inventory = inventoryWith((file) => {
      const nodes = file["nodes"] as Record<string, { bmc: unknown }>;
      (nodes["node04"] as { bmc: unknown }).bmc = { address: "10.0.10.99" };
    });
    const after = dnsFiles(siteWith({ inventory, previous: (path) => before[path] }));
    const serials = after.map(({ path, text }) => [path, serialOf(text)]);
    expect(serials).toEqual([
      [forward, 2026010202],
      ["dns/200.0.10.in-addr.arpa.zone", 2026010201],
      ["dns/10.0.10.in-addr.arpa.zone", 2026010202],
    ]);
  });

  it("grows beyond the one that somebody wrote by hand", () => {
    const edited = (zones()[forward] ?? "").replace("2026010201 ;", "2026010250 ;");
    const [file] = dnsFiles(
      siteWith({
        previous: (path) =>
          path === forward ? `${edited}extra.example.com. IN A 10.0.200.9\n` : undefined,
      }),
    );
    expect(serialOf(file?.text ?? "")).toBe(2026010251);
  });
});

describe("what a zone says of itself", () => {
  it("names the site's name servers, hostmaster and time to live", () => {
    const text = zones((file) => {
      file["dns"] = {
        nameServers: ["ns.other.net", { name: "ns1", address: "10.0.200.5" }, "node01"],
        hostmaster: "net.admin@example.com",
        ttlSeconds: 86_400,
      };
    })[forward];
    expect(text).toContain("$TTL 86400\n");
    expect(text).toContain("example.com. IN SOA ns.other.net. net\\.admin.example.com. (\n");
    expect(text).toContain("  10800 ) ; negative answers\n");
    expect(text).toMatch(
      /IN NS ns\.other\.net\.\n.*IN NS ns1\.example\.com\.\n.*IN NS node01\.example\.com\.\n/,
    );
    expect(text).toContain("ns1.example.com. IN A 10.0.200.5\n");
    expect(text).not.toContain("ns.other.net. IN A");
    expect(text?.match(/^node01\.example\.com\. IN A /gm)).toHaveLength(1);
  });

  it("leaves BMCs out unless they are to be named", () => {
    expect(Object.keys(zones((file) => void delete file["dns"]))).toEqual([
      forward,
      "dns/200.0.10.in-addr.arpa.zone",
    ]);
  });

  it("puts the halves of one /24 into one reverse zone", () => {
    const made = zones((file) => {
      const networks = file["networks"] as Record<string, { cidr: string; vips?: unknown }>;
      (networks["production"] as { cidr: string }).cidr = "10.0.200.0/25";
      (networks["management"] as { cidr: string }).cidr = "10.0.200.128/25";
      const nodes = file["nodes"] as Record<string, { bmc: { address: string } }>;
      for (const [index, node] of Object.values(nodes).entries())
        node.bmc.address = `10.0.200.${200 + index}`;
    });
    expect(Object.keys(made)).toEqual([forward, "dns/200.0.10.in-addr.arpa.zone"]);
    expect(made["dns/200.0.10.in-addr.arpa.zone"]).toContain(
      "203.200.0.10.in-addr.arpa. IN PTR node04-bmc.example.com.",
    );
  });
});
