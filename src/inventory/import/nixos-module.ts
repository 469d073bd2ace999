// Reads the settings of the NixOS module `services.centra-pxe-server`: its network, its machines and itself. Pure.

import { type Ipv4, parseIpv4 } from "../../net/ipv4.ts";
import { parseMac } from "../../net/mac.ts";
import { toProfile, toRole } from "./facts.ts";
import type { OldConfig, OldHost, OldServer, Settings } from "./model.ts";
import { cidrOfMask } from "./network.ts";
import { type NixValue, parseNix } from "./nix-values.ts";
import { type Note, type Place, type Read, total, unreadable } from "./source.ts";

/** One setting with all names in front of it. */
interface Leaf {
  readonly path: readonly string[];
  readonly place: Place;
  readonly value: NixValue;
}

type AddNote = (leaf: Leaf, instead: string) => void;

/** Reads the module's settings wherever in the file they stand; says where and why when they can't be read. */
export function parseNixosModule(bytes: Buffer, file: string): Read<OldConfig> {
  return total(() => {
    const root = parseNix(bytes.toString("utf8").replace(/^\uFEFF/, ""), file);
    const leaves = moduleLeaves(root);
    if (leaves.length === 0)
      unreadable(
        root.place,
        "it has no services.centra-pxe-server = { … }: name the file that has it",
      );
    const notes: Note[] = [];
    const note: AddNote = ({ path, place }, instead) =>
      notes.push({ place, what: ["services.centra-pxe-server", ...path].join("."), instead });
    const own = leaves.filter(({ path }) => path[0] !== "nodes");
    const server = readServer(own, note);
    const network = readNetwork(own, server, note);
    const hosts = readHosts(
      leaves.filter(({ path }) => path[0] === "nodes"),
      note,
    );
    return { networks: network === undefined ? [] : [network], hosts, server, notes };
  });
}

function moduleLeaves(root: NixValue): Leaf[] {
  return flatten(root, []).flatMap(({ path, ...leaf }) => {
    const at = path.findIndex(
      (name, i) => name === "services" && path[i + 1] === "centra-pxe-server",
    );
    return at === -1 ? [] : [{ ...leaf, path: path.slice(at + 2) }];
  });
}

/** An empty set is a leaf, too: `nodes."…" = { }` declares a machine. */
function flatten(value: NixValue, path: readonly string[], place = value.place): Leaf[] {
  if (value.kind !== "set" || value.bindings.length === 0) return [{ path, place, value }];
  return value.bindings.flatMap((binding) =>
    flatten(binding.value, [...path, ...binding.path], binding.place),
  );
}

const computed =
  "it has to be evaluated, and only what is written out is read: write the value itself";

function textOf(leaf: Leaf, note: AddNote): string | undefined {
  const { value } = leaf;
  if (value.kind === "scalar" && typeof value.value === "string") return value.value;
  note(leaf, value.kind === "other" ? computed : "it is no text: write it in quotes");
  return undefined;
}

function addressOf(leaf: Leaf, note: AddNote): Ipv4 | undefined {
  const text = textOf(leaf, note);
  const address = text === undefined ? undefined : parseIpv4(text);
  if (text !== undefined && address === undefined) note(leaf, "it is no IPv4 address: correct it");
  return address;
}

function readServer(leaves: readonly Leaf[], note: AddNote): OldServer {
  let server: OldServer = {};
  for (const leaf of leaves) {
    const name = leaf.path.join(".");
    if (name === "interface") {
      const text = textOf(leaf, note);
      if (text !== undefined && /^[A-Za-z0-9._-]{1,15}$/.test(text))
        server = { ...server, interface: text };
      else if (text !== undefined) note(leaf, "it is no interface name: set server.interface");
    } else if (name === "serverAddress") {
      const address = addressOf(leaf, note);
      if (address !== undefined) server = { ...server, address };
    } else if (name === "enable") {
      if (leaf.value.kind !== "scalar" || leaf.value.value !== true)
        note(leaf, "the old server is switched off here; rackstrap runs when it is started");
    } else if (leaf.path[0] !== "dhcp")
      note(leaf, "rackstrap has no counterpart: check whether it is still needed");
  }
  return server;
}

function readNetwork(leaves: readonly Leaf[], server: OldServer, note: AddNote) {
  const dhcp = leaves.filter(({ path }) => path[0] === "dhcp");
  const find = (name: string) => dhcp.find(({ path }) => path.slice(1).join(".") === name);
  const address = (name: string) => {
    const leaf = find(name);
    return leaf === undefined ? undefined : addressOf(leaf, note);
  };
  const known = [
    "subnet",
    "netmask",
    "broadcast",
    "range.start",
    "range.end",
    "router",
    "domainNameServers",
    "domain",
    "domainName",
  ];
  for (const leaf of dhcp)
    if (!known.includes(leaf.path.slice(1).join(".")))
      note(leaf, "rackstrap has no counterpart: check whether it is still needed");
  const [first] = dhcp;
  if (first === undefined) return undefined;
  const [subnet, mask] = [address("subnet"), address("netmask")];
  const cidr = subnet === undefined || mask === undefined ? undefined : cidrOfMask(subnet, mask);
  if (cidr === undefined) {
    note(
      first,
      'subnet and netmask are no network: write subnet = "10.0.0.0"; netmask = "255.255.255.0";',
    );
    return undefined;
  }
  const [start, end, gateway] = [address("range.start"), address("range.end"), address("router")];
  if ((start === undefined) !== (end === undefined))
    note(first, "a range has a start and an end: add the other one");
  const dns = readAddresses(find("domainNameServers"), note);
  const domain = find("domain") ?? find("domainName");
  const name = domain === undefined ? undefined : textOf(domain, note);
  const settings: Settings = {
    ...leaseTimes,
    ...(gateway !== undefined && { gateway }),
    ...(dns.length > 0 && { dns }),
    ...(name !== undefined && /^[a-z0-9.-]+$/.test(name) && { domain: name }),
    ...(server.interface !== undefined && { interface: server.interface }),
  };
  const pools = start === undefined || end === undefined ? [] : [{ start, end }];
  return { place: first.place, name: undefined, cidr, pools, settings };
}

// The module has no settings for them; these are what the dhcpd.conf it stands for has.
const leaseTimes: Settings = { leaseSeconds: 600, maxLeaseSeconds: 7200 };

function readAddresses(leaf: Leaf | undefined, note: AddNote): Ipv4[] {
  if (leaf === undefined) return [];
  const { value } = leaf;
  if (value.kind !== "list") {
    note(leaf, value.kind === "other" ? computed : 'it is no list: write [ "10.0.0.1" ]');
    return [];
  }
  return value.items.flatMap((item) => addressOf({ ...leaf, value: item }, note) ?? []);
}

function readHosts(leaves: readonly Leaf[], note: AddNote): OldHost[] {
  const machines = new Map<string, Leaf[]>();
  for (const leaf of leaves) {
    const key = leaf.path[1];
    if (key === undefined) {
      // `nodes = { }` declares none.
      if (leaf.value.kind !== "set") note(leaf, computed);
    } else machines.set(key, [...(machines.get(key) ?? []), leaf]);
  }
  return [...machines].flatMap(([key, settings]) => readHost(key, settings, note) ?? []);
}

function readHost(key: string, leaves: readonly Leaf[], note: AddNote): OldHost | undefined {
  const [first] = leaves;
  const mac = parseMac(key);
  if (first === undefined) return undefined;
  if (mac === undefined) {
    note({ ...first, path: ["nodes", key] }, 'its name is no MAC: write nodes."52:54:00:12:34:56"');
    return undefined;
  }
  let host: OldHost = { place: first.place, name: undefined, mac, addresses: [], facts: {} };
  for (const leaf of leaves) {
    const name = leaf.path.slice(2).join(".");
    if (name === "ipAddress") {
      const address = addressOf(leaf, note);
      if (address !== undefined) host = { ...host, addresses: [address] };
    } else if (name === "hostname" || name === "profile") {
      const text = textOf(leaf, note);
      if (text === undefined) continue;
      host = name === "hostname" ? { ...host, name: text } : { ...host, facts: profileFacts(text) };
    } else if (name !== "")
      note(leaf, "rackstrap has no counterpart: check whether it is still needed");
  }
  return host;
}

function profileFacts(text: string) {
  const [profile, role] = [toProfile(text), toRole(text)];
  return { ...(profile !== undefined && { profile }), ...(role !== undefined && { role }) };
}
