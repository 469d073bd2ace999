// The site as a configuration of dnsmasq.

import { join } from "node:path";
import type { Site, Subnet } from "./site.ts";

function subnetLines(subnet: Subnet): string[] {
  const { name, router, dns, domain, searchDomains, ntp, mtu, routes } = subnet;
  const option = (what: string, ...values: readonly (string | number)[]) =>
    values.length === 0 ? [] : [`dhcp-option=tag:${name},option:${what},${values.join(",")}`];
  return [
    ...subnet.pools.map(
      ({ start, end }) =>
        `dhcp-range=set:${name},${start},${end},255.255.255.0,${subnet.leaseSeconds}`,
    ),
    ...(router === undefined ? [] : option("router", router)),
    // It has no RFC 3396: an option holds 255 bytes.
    ...option("dns-server", ...dns.slice(0, 63)),
    ...(domain === undefined ? [] : option("domain-name", domain)),
    ...option("domain-search", ...searchDomains),
    ...option("ntp-server", ...ntp),
    ...(mtu === undefined ? [] : option("mtu", mtu)),
    ...option("classless-static-route", ...routes.flatMap(({ to, via }) => [to, via])),
  ];
}

function bootLines({ scriptUrl, fallbackLoader }: Site): string[] {
  const http = scriptUrl.replace(/boot\.ipxe$/, "ipxe.efi");
  const server = "10.77.0.1,10.77.0.1";
  return [
    "dhcp-match=set:ipxe,175",
    "dhcp-userclass=set:ipxe,iPXE",
    "dhcp-mac=set:pi,b8:27:eb:*:*:*",
    "dhcp-mac=set:pi,dc:a6:32:*:*:*",
    "dhcp-mac=set:pi,e4:5f:01:*:*:*",
    "dhcp-vendorclass=set:pxe,PXEClient",
    "dhcp-match=set:arch,option:client-arch",
    "dhcp-match=set:bios,option:client-arch,0",
    "dhcp-match=set:efi,option:client-arch,7",
    "dhcp-match=set:efi,option:client-arch,9",
    "dhcp-match=set:http,option:client-arch,15",
    "dhcp-match=set:http,option:client-arch,16",
    `dhcp-boot=tag:ipxe,${scriptUrl},${server}`,
    `dhcp-boot=tag:!ipxe,tag:!pi,tag:bios,undionly.kpxe,${server}`,
    `dhcp-boot=tag:!ipxe,tag:efi,ipxe.efi,${server}`,
    `dhcp-boot=tag:!ipxe,tag:http,${http},${server}`,
    `dhcp-boot=tag:!ipxe,tag:pxe,tag:!arch,${fallbackLoader},${server}`,
    "dhcp-option-force=tag:http,60,HTTPClient",
    "dhcp-option-force=tag:pxe,60,PXEClient",
    "dhcp-option-force=tag:pxe,vendor:PXEClient,6,8b",
  ];
}

function proxyLines(site: Site): string[] {
  return site.subnets
    .filter(({ mode }) => mode === "proxy")
    .flatMap(({ cidr }) => [
      `dhcp-range=${cidr.split("/")[0]},proxy`,
      'pxe-prompt="boot",0',
      "pxe-service=x86PC,network,undionly.kpxe",
      "pxe-service=X86-64_EFI,network,ipxe.efi",
      "pxe-service=BC_EFI,network,ipxe.efi",
    ]);
}

/**
 * The text of dnsmasq.conf. Its PXE services change what it says in every subnet, so that a server with
 * `proxy` is for the proxyDHCP cases only.
 */
export function dnsmasqConfig(site: Site, directory: string, proxy: boolean): string {
  const served = site.subnets.filter(({ mode }) => mode === "authoritative");
  return [
    "port=0",
    "user=root",
    "log-dhcp",
    "no-ping",
    "bind-interfaces",
    ...site.interfaces.slice(0, 2).map(({ name }) => `interface=${name}`),
    `pid-file=${join(directory, "dnsmasq.pid")}`,
    `dhcp-leasefile=${join(directory, "dnsmasq.leases")}`,
    "dhcp-ignore-clid",
    "dhcp-lease-max=10000",
    ...served.flatMap(subnetLines),
    ...site.reservations.map(
      ({ mac, address, hostName }) => `dhcp-host=${mac},${address},${hostName}`,
    ),
    ...bootLines(site),
    ...(proxy ? proxyLines(site) : []),
    "",
  ].join("\n");
}
