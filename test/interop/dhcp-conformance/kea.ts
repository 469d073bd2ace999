// The site as a configuration of ISC Kea's DHCPv4 server.

import { join } from "node:path";
import { addressBytes } from "./message.ts";
import type { Site, Subnet } from "./site.ts";

interface OptionData {
  readonly name?: string;
  readonly code?: number;
  readonly data: string;
  readonly "csv-format"?: boolean;
  readonly "always-send"?: boolean;
}

const hex = (code: number, bytes: Uint8Array): OptionData => ({
  code,
  "csv-format": false,
  data: Buffer.from(bytes).toString("hex"),
});

/** Option 121 (RFC 3442). */
export function classlessRoutes(routes: Subnet["routes"]): Buffer {
  return Buffer.concat(
    routes.map(({ to, via }) => {
      const [network = "", width = "0"] = to.split("/");
      const significant = addressBytes(network).subarray(0, Math.ceil(Number(width) / 8));
      return Buffer.from([Number(width), ...significant, ...addressBytes(via)]);
    }),
  );
}

/** Option 119 (RFC 3397) without compression. */
export function searchList(domains: readonly string[]): Buffer {
  const labels = (domain: string) =>
    domain.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Buffer.from(domains.flatMap((domain) => [...labels(domain), 0]));
}

function optionData(subnet: Subnet): OptionData[] {
  const { router, dns, domain, searchDomains, ntp, mtu, routes } = subnet;
  return [
    ...(router === undefined ? [] : [{ name: "routers", data: router }]),
    ...(dns.length === 0 ? [] : [{ name: "domain-name-servers", data: dns.join(",") }]),
    ...(domain === undefined ? [] : [{ name: "domain-name", data: domain }]),
    ...(ntp.length === 0 ? [] : [{ name: "ntp-servers", data: ntp.join(",") }]),
    ...(mtu === undefined ? [] : [{ name: "interface-mtu", data: String(mtu) }]),
    ...(searchDomains.length === 0 ? [] : [hex(119, searchList(searchDomains))]),
    ...(routes.length === 0 ? [] : [hex(121, classlessRoutes(routes))]),
    { name: "broadcast-address", data: subnet.cidr.replace(/\d+\/\d+$/, "255") },
  ];
}

const boots = (file: string, vendor?: string) => ({
  "boot-file-name": file,
  "option-data": [
    { name: "boot-file-name", data: file },
    ...(vendor === undefined
      ? []
      : [{ name: "vendor-class-identifier", data: vendor, "always-send": true }]),
  ],
});

const pxe = "substring(option[60].hex,0,9) == 'PXEClient'";

function clientClasses({ scriptUrl, fallbackLoader }: Site) {
  const iPxe = "option[77].hex == 'iPXE' or option[77].hex == 0x0469505845 or option[175].exists";
  const pi =
    "substring(pkt4.mac,0,3) == 0xb827eb or substring(pkt4.mac,0,3) == 0xdca632 or substring(pkt4.mac,0,3) == 0xe45f01";
  const arch = "substring(option[93].hex,0,2)";
  const known = "option[93].exists and substring(option[93].hex,0,1) == 0x00";
  const loader = (name: string, test: string, file: string) => ({
    name,
    test: `not member('ipxe') and not member('pi') and ${test}`,
    ...boots(file),
  });
  return [
    { name: "ipxe", test: iPxe, ...boots(scriptUrl) },
    { name: "pi", test: pi },
    loader("bios", `${arch} == 0x0000`, "undionly.kpxe"),
    loader("efi", `(${arch} == 0x0007 or ${arch} == 0x0009)`, "ipxe.efi"),
    {
      ...loader(
        "http",
        `(${arch} == 0x000f or ${arch} == 0x0010) and substring(option[60].hex,0,10) == 'HTTPClient'`,
        scriptUrl.replace(/boot\.ipxe$/, "ipxe.efi"),
      ),
      ...boots(scriptUrl.replace(/boot\.ipxe$/, "ipxe.efi"), "HTTPClient"),
    },
    loader("fallback", `${pxe} and not (${known})`, fallbackLoader),
    {
      name: "pxe",
      test: pxe,
      "option-data": [
        { name: "vendor-class-identifier", data: "PXEClient", "always-send": true },
        { ...hex(43, Uint8Array.of(6, 1, 8, 255)), "always-send": true },
        { name: "tftp-server-name", data: "10.77.0.1" },
      ],
    },
  ];
}

/** Kea's configuration, to be written as JSON. Kea has no proxy mode: those subnets are left out. */
export function keaConfig(site: Site, directory: string): object {
  const subnets = site.subnets.filter(({ mode }) => mode === "authoritative");
  return {
    Dhcp4: {
      "interfaces-config": {
        interfaces: site.interfaces.slice(0, 1).map(({ name }) => name),
        "dhcp-socket-type": "raw",
      },
      "lease-database": { type: "memfile", persist: true, name: join(directory, "leases.csv") },
      "multi-threading": { "enable-multi-threading": false },
      "match-client-id": false,
      authoritative: true,
      "next-server": "10.77.0.1",
      "client-classes": clientClasses(site),
      "hooks-libraries": [
        {
          library: "/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_flex_option.so",
          parameters: { options: [{ code: 97, supersede: "option[97].hex" }] },
        },
      ],
      "host-reservation-identifiers": ["hw-address"],
      subnet4: subnets.map((subnet, index) => ({
        id: index + 1,
        subnet: subnet.cidr,
        ...(subnet.interface === undefined ? {} : { interface: subnet.interface }),
        pools: subnet.pools.map(({ start, end }) => ({ pool: `${start} - ${end}` })),
        "valid-lifetime": subnet.leaseSeconds,
        "min-valid-lifetime": subnet.minLeaseSeconds,
        "max-valid-lifetime": subnet.maxLeaseSeconds,
        "calculate-tee-times": true,
        "option-data": optionData(subnet),
        reservations: site.reservations
          .filter(({ address }) => address.startsWith(subnet.cidr.replace(/\d+\/\d+$/, "")))
          .map(({ mac, address, hostName }) => ({
            "hw-address": mac,
            "ip-address": address,
            hostname: hostName,
          })),
      })),
      loggers: [{ name: "kea-dhcp4", severity: "INFO", output_options: [{ output: "stdout" }] }],
    },
  };
}
