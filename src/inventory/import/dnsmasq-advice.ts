// What an operator does instead of the settings of dnsmasq that have no counterpart here.

import { bootAdvice } from "./options.ts";

const dns = "rackstrap is no DNS server: keep dnsmasq for it, without dhcp-range";
const v6 = "rackstrap serves IPv4 only: keep the old server for IPv6";
const noClasses =
  "rackstrap has no client classes: declare the machines under nodes, or give them a network of their own";
const service = "not needed: the service manager and the log settings of rackstrap take its place";
const everyone =
  "rackstrap gives any machine an address of the pool: narrow the pool, or declare the machines under nodes";
const identity =
  "rackstrap knows machines by their MAC, which stays the same from firmware to installed system";
const names = "rackstrap names declared nodes only: declare the machine under nodes";

const groups: readonly (readonly [string, string])[] = [
  [
    "dhcp-boot dhcp-match dhcp-pxe-vendor pxe-prompt pxe-service enable-tftp tftp-root tftp-unique-root tftp-secure tftp-no-fail tftp-max tftp-no-blocksize tftp-lowercase tftp-port-range tftp-single-port quiet-tftp",
    bootAdvice,
  ],
  ["tftp-mtu", "set server.tftp.maxBlksize: no block may be larger than the network's MTU less 32"],
  ["dhcp-mac dhcp-circuitid dhcp-remoteid dhcp-subscrid dhcp-name-match tag-if", noClasses],
  ["dhcp-ignore dhcp-ignore-names", everyone],
  [
    "dhcp-leasefile leasefile-ro",
    "leases of dnsmasq are not read: each machine is given its address anew, and declared ones keep theirs",
  ],
  ["dhcp-lease-max", "the pool is the limit here"],
  [
    "dhcp-script dhcp-luascript dhcp-scriptuser script-arp script-on-renewal",
    "rackstrap runs no scripts on a lease: follow rackstrap events instead",
  ],
  [
    "dhcp-relay dhcp-proxy",
    "rackstrap is no relay: let the router relay, and declare the network under dhcp.subnets",
  ],
  ["dhcp-ignore-clid dhcp-duid", identity],
  ["dhcp-generate-names dhcp-fqdn dhcp-client-update dhcp-ttl read-ethers", names],
  [
    "dhcp-no-override dhcp-broadcast dhcp-rapid-commit dhcp-reply-delay dhcp-sequential-ip bootp-dynamic dhcp-alternate-port",
    "rackstrap decides this itself: check whether it is still needed",
  ],
  [
    "no-ping",
    "set dhcp.conflictProbe to false: rackstrap asks the network before it offers an address",
  ],
  [
    "bridge-interface shared-network",
    "rackstrap keeps the networks of one wire apart: declare each network with its interface",
  ],
  [
    "no-dhcp-interface except-interface no-dhcpv4-interface",
    "rackstrap serves only the interfaces that are named: leave this one out of server.interfaces",
  ],
  ["no-dhcpv6-interface enable-ra ra-param quiet-ra quiet-dhcp6", v6],
  [
    "user group pid-file keep-in-foreground log-facility log-async log-dhcp quiet-dhcp log-debug conntrack enable-dbus enable-ubus dumpfile dumpmask",
    service,
  ],
];

const advice = new Map(
  groups.flatMap(([settings, instead]) =>
    settings.split(" ").map((name) => [name, instead] as const),
  ),
);

const dnsWords =
  /^(?:port|server|rev-server|local|address|bogus-|domain-needed|cache-size|expand-hosts|no-hosts|addn-hosts|hostsdir|no-resolv|no-poll|resolv-file|servers-file|strict-order|all-servers|selfmx|localmx|mx-|filter|srv-host|txt-record|ptr-record|cname|naptr-record|host-record|dynamic-host|caa-record|dns|alias|interface-name|auth-|localise-queries|log-queries|query-port|min-port|max-port|local-ttl|neg-ttl|max-|min-cache|stop-dns|rebind-|ipset|nftset|connmark|synth-domain|trust-anchor|local-service|ignore-address|edns|add-|strip-|proxy-dnssec|umbrella|no-round-robin|no-ident|no-negcache|use-stale-cache|cache-rr|fast-dns|clear-on-reload)/;

/** What to do instead of a setting that is not carried over. */
export function dnsmasqAdvice(name: string): string {
  const known = advice.get(name);
  if (known !== undefined) return known;
  return dnsWords.test(name)
    ? dns
    : "rackstrap has no counterpart: check whether it is still needed";
}

export const tagAdvice = noClasses;
export const identityAdvice = identity;
export const v6Advice = v6;

/** Settings that say what rackstrap does anyway. */
export const selfEvident: ReadonlySet<string> = new Set([
  "dhcp-authoritative",
  "bind-interfaces",
  "bind-dynamic",
]);

const optionNames: Readonly<Record<string, number>> = {
  netmask: 1,
  router: 3,
  "dns-server": 6,
  "domain-name": 15,
  mtu: 26,
  "static-route": 33,
  "ntp-server": 42,
  T1: 58,
  T2: 59,
  "vendor-class": 60,
  "tftp-server": 66,
  "bootfile-name": 67,
  "user-class": 77,
  "client-arch": 93,
  "client-interface-id": 94,
  "client-machine-id": 97,
  "domain-search": 119,
  "classless-static-route": 121,
};

/** The number of `option:NAME` (dnsmasq --help dhcp); undefined for one that means nothing here. */
export function dnsmasqOption(name: string): number | undefined {
  return Object.hasOwn(optionNames, name) ? optionNames[name] : undefined;
}
