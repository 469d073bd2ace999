// The site as a configuration of the ISC DHCP server.

import { classlessRoutes, searchList } from "./kea.ts";
import type { Site, Subnet } from "./site.ts";

const colons = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/..(?=.)/g, "$&:");

function subnetBlock(subnet: Subnet): string {
  const { router, dns, domain, searchDomains, ntp, mtu, routes } = subnet;
  const option = (name: string, ...values: readonly (string | number)[]) =>
    values.length === 0 ? [] : [`  option ${name} ${values.join(", ")};`];
  return [
    `subnet ${subnet.cidr.split("/")[0]} netmask 255.255.255.0 {`,
    `  option broadcast-address ${subnet.cidr.replace(/\d+\/\d+$/, "255")};`,
    ...(router === undefined ? [] : option("routers", router)),
    ...option("domain-name-servers", ...dns),
    ...(domain === undefined ? [] : option("domain-name", `"${domain}"`)),
    ...(searchDomains.length === 0
      ? []
      : option("search-bytes", colons(searchList(searchDomains)))),
    ...option("ntp-servers", ...ntp),
    ...(mtu === undefined ? [] : option("interface-mtu", mtu)),
    ...(routes.length === 0 ? [] : option("route-bytes", colons(classlessRoutes(routes)))),
    `  default-lease-time ${subnet.leaseSeconds};`,
    `  min-lease-time ${subnet.minLeaseSeconds};`,
    `  max-lease-time ${subnet.maxLeaseSeconds};`,
    ...subnet.pools.map(({ start, end }) => `  range ${start} ${end};`),
    "}",
  ].join("\n");
}

const head = `
authoritative;
ping-check off;
ddns-update-style none;
echo-client-id true;
ignore-client-uids true;
stash-agent-options true;
abandon-lease-time 3600;
option arch code 93 = unsigned integer 16;
option guid code 97 = string;
option ipxe code 175 = string;
option search-bytes code 119 = string;
option route-bytes code 121 = string;
next-server 10.77.0.1;
server-identifier 10.77.0.1;
if exists guid { option guid = option guid; }
`;

const boot = ({ scriptUrl, fallbackLoader }: Site) => `
if option user-class = "iPXE" or option user-class = 04:69:50:58:45 or exists ipxe {
  filename "${scriptUrl}";
} elsif binary-to-ascii(16, 8, ":", substring(hardware, 1, 3)) ~= "^(b8:27:eb|dc:a6:32|e4:5f:1)$" {
} elsif option arch = 00:00 { filename "undionly.kpxe"; }
elsif option arch = 00:07 or option arch = 00:09 { filename "ipxe.efi"; }
elsif substring(option vendor-class-identifier, 0, 10) = "HTTPClient" {
  filename "${scriptUrl.replace(/boot\.ipxe$/, "ipxe.efi")}";
  option vendor-class-identifier "HTTPClient";
} elsif substring(option vendor-class-identifier, 0, 9) = "PXEClient" and not (substring(option arch, 0, 1) = 00) {
  filename "${fallbackLoader}";
}
if substring(option vendor-class-identifier, 0, 9) = "PXEClient" {
  option vendor-class-identifier "PXEClient";
  option vendor-encapsulated-options 06:01:08:ff;
  option tftp-server-name "10.77.0.1";
}
if exists dhcp-parameter-request-list {
  option bootfile-name = config-option server.filename;
}
`;

/** The text of dhcpd.conf. It has no proxy mode: those subnets are left out. */
export function dhcpdConfig(site: Site): string {
  const served = site.subnets.filter(({ mode }) => mode === "authoritative");
  const hosts = site.reservations.map(
    ({ mac, address, hostName }) =>
      `host ${hostName} { hardware ethernet ${mac}; fixed-address ${address}; option host-name "${hostName}"; }`,
  );
  return [head, boot(site), ...served.map(subnetBlock), ...hosts, ""].join("\n");
}
