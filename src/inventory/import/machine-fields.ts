// One machine out of named fields, as lists of machines have them: the columns of a CSV, the keys of a JSON map. The many
// names that people give the same thing are one table. Secrets become references, and no note has one. Pure.

import { type Ipv4, parseIpv4 } from "../../net/ipv4.ts";
import { type Mac, parseMac } from "../../net/mac.ts";
import type { Firmware } from "../schema.ts";
import { secretVariables, toProfile, toRole, toSerial } from "./facts.ts";
import type { HostFacts, OldBmc, OldHost } from "./model.ts";
import { parseLooseMac } from "./network.ts";
import type { Note, Place } from "./source.ts";

export interface Field {
  readonly name: string;
  readonly text: string;
  readonly place: Place;
}

/** What is shared by the machines of one run. */
export interface Machines {
  readonly hosts: OldHost[];
  readonly notes: Note[];
  readonly passwordVariable: (password: string) => string;
  readonly keyVariable: (key: string) => string;
}

export function createMachines(): Machines {
  return {
    hosts: [],
    notes: [],
    passwordVariable: secretVariables("BMC_PASSWORD"),
    keyVariable: secretVariables("BMC_KEY"),
  };
}

type Meaning =
  | "mac"
  | "name"
  | "serial"
  | "role"
  | "profile"
  | "address"
  | "production"
  | "bmcAddress"
  | "bmcUser"
  | "password"
  | "bmcKind"
  | "firmware"
  | "disk"
  | "rack"
  | "zone"
  | "cipherSuite"
  | "bmcKey"
  | "architecture"
  | "nothing";

const names: Readonly<Record<Meaning, string>> = {
  mac: "mac macaddress macaddresses macs hwaddr hwaddress hardwareaddress ethernet bootmac pxemac",
  name: "name hostname host node nodeid nodename machine machinename fqdn",
  serial: "serial serialnumber serialno sn servicetag systemserial systemserialnumber",
  role: "role noderole",
  profile: "profile nodeprofile",
  address:
    "ip ipaddress ipaddresses address provisioningip provisioningaddress pxeip bootip fixedaddress",
  production: "productionip productionaddress prodip",
  bmcAddress:
    "bmc bmcaddress bmcip bmchost ipmi ipmiaddress ipmiip ipmihost poweraddress iloip idracip iloaddress idracaddress managementip",
  bmcUser: "bmcuser bmcusername ipmiuser ipmiusername poweruser powerusername",
  password: "bmcpassword bmcpass ipmipassword ipmipass powerpass powerpassword password pass",
  bmcKind: "bmckind bmctype powertype",
  firmware: "firmware bootmode powerboottype biosbootmethod",
  disk: "disk installdisk rootdisk bootdisk",
  rack: "rack rackname",
  zone: "zone zonename availabilityzone",
  cipherSuite: "ciphersuite ciphersuiteid",
  bmcKey: "kg bmckey",
  architecture: "architecture arch",
  nothing:
    "systemid id status statusname power powerstate owner comment comments note notes description updated created",
};

const meanings = new Map<string, Meaning>(
  Object.entries(names).flatMap(([meaning, words]) =>
    words.split(" ").map((word) => [word, meaning as Meaning] as const),
  ),
);

/** What a field is about, however it is spelt; undefined for one that is unknown. */
export function meaningOf(name: string): Meaning | undefined {
  const word = name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  // MAAS calls them power_parameters_power_address and so on.
  return meanings.get(word.replace(/^powerparameters(?=.)/, ""));
}

const secretName = /pass|secret|token|credential|private|(?:^|[^a-z])key/i;
const noCounterpart = "rackstrap has no counterpart: check whether it is still needed";
const ignored = { kind: "left out" } as const;

/** Adds the machine to `machines`, with a note for everything of it that is not carried over. */
export function addMachine(fields: readonly Field[], place: Place, machines: Machines): void {
  const filled = fields.filter(({ text }) => text.trim() !== "");
  if (filled.length === 0) return;
  const label = textOf(filled, "name") ?? textOf(filled, "mac") ?? "without a name";
  const note = (field: Pick<Field, "place" | "name">, instead: string) =>
    machines.notes.push({ place: field.place, what: `machine ${label}: ${field.name}`, instead });
  const kind = filled.find((field) => meaningOf(field.name) === "bmcKind");
  const switchable = kind === undefined || bmcKindOf(kind.text) !== undefined;
  if (kind !== undefined && !switchable)
    note(
      kind,
      `rackstrap switches machines by IPMI or Redfish, not by ${quoted(kind.text)}: give the node such a BMC`,
    );
  let facts: HostFacts = {};
  let bmc: OldBmc = {};
  let name: string | undefined;
  const macs: Mac[] = [];
  const addresses: Ipv4[] = [];
  for (const field of filled) {
    const text = field.text.trim();
    switch (meaningOf(field.name)) {
      case "mac":
        macs.push(...readMacs(field, note));
        break;
      case "name":
        name = name === undefined || text.startsWith(`${name}.`) ? text : name;
        break;
      case "address":
        addresses.push(...readAddresses(field, note));
        break;
      case "bmcAddress":
      case "bmcUser":
      case "password":
      case "bmcKind":
      case "cipherSuite":
      case "bmcKey":
        if (switchable) bmc = { ...bmc, ...readBmcField(field, machines, note) };
        break;
      default:
        facts = { ...facts, ...readFact(field, note) };
    }
  }
  const [mac, ...others] = new Set(macs);
  if (mac === undefined) {
    note(
      { place, name: "mac" },
      "rackstrap knows machines by their MAC: add it under nodes with its mac",
    );
    return;
  }
  if (others.length > 0)
    note(
      { place, name: "mac" },
      `it boots from ${mac}, the first one; write the others under nics: ${others.join(", ")}`,
    );
  const known = Object.keys(bmc).length === 0 ? facts : { ...facts, bmc };
  machines.hosts.push({ place, name, mac, addresses, facts: known });
}

type NoteField = (field: Pick<Field, "place" | "name">, instead: string) => void;

function textOf(fields: readonly Field[], meaning: Meaning): string | undefined {
  return fields.find(({ name }) => meaningOf(name) === meaning)?.text.trim();
}

function readMacs(field: Field, note: NoteField): Mac[] {
  return field.text.split(/[\s,;|]+/).flatMap((text) => {
    const mac = text === "" ? undefined : (parseMac(text) ?? parseLooseMac(text));
    if (mac === undefined && text !== "")
      note(field, `${quoted(text)} is no Ethernet MAC: correct it`);
    return mac ?? [];
  });
}

function readAddresses(field: Field, note: NoteField): Ipv4[] {
  return field.text.split(/[\s,;|]+/).flatMap((text) => {
    const address = parseIpv4(text.split("/")[0] ?? "");
    if (address === undefined && text !== "")
      note(field, `${quoted(text)} is no IPv4 address: correct it`);
    return address ?? [];
  });
}

function readFact(field: Field, note: NoteField): HostFacts {
  const text = field.text.trim();
  const meaning = meaningOf(field.name);
  const read = meaning === undefined ? undefined : factOf(meaning, text);
  if (read !== undefined) {
    if ("kind" in read) return {};
    if (Object.keys(read).length > 0) return read;
  }
  if (meaning !== undefined)
    note(field, `${quoted(text)} has no meaning here: set it for the node by hand`);
  else if (secretName.test(field.name))
    note(
      field,
      "it looks like a secret, and none is carried over: keep it where a reference can name it",
    );
  else note(field, noCounterpart);
  return {};
}

/** Empty for a value that means nothing here. */
function factOf(meaning: Meaning, text: string): HostFacts | typeof ignored {
  switch (meaning) {
    case "serial": {
      const serial = toSerial(text);
      return serial === undefined ? {} : { serial };
    }
    case "role":
    case "profile": {
      const [role, profile] = [toRole(text), toProfile(text)];
      if (role !== undefined) return { role, profile: role };
      return profile === undefined ? {} : { profile };
    }
    case "production": {
      const address = parseIpv4(text.split("/")[0] ?? "");
      return address === undefined ? {} : { productionAddress: address };
    }
    case "firmware":
      return firmwareOf(text);
    case "disk":
      return /^\/[A-Za-z0-9_.,:/@=+-]+$/.test(text) ? { disk: text } : {};
    case "rack":
    case "zone": {
      const label = text.toLowerCase();
      return /^[a-z0-9][a-z0-9._-]{0,62}$/.test(label) ? { [meaning]: label } : {};
    }
    case "architecture":
      return /^(?:amd64|x86_64|x86-64|arm64|aarch64)(?:\/|$)/i.test(text) ? ignored : {};
    case "nothing":
      return ignored;
    default:
      return {};
  }
}

function firmwareOf(text: string): HostFacts | typeof ignored {
  const word = text.toLowerCase();
  const firmware: Firmware | undefined = ["uefi", "efi"].includes(word)
    ? "uefi"
    : ["bios", "legacy", "pxe"].includes(word)
      ? "bios"
      : undefined;
  if (firmware !== undefined) return { firmware };
  return word === "auto" ? ignored : {};
}

function readBmcField(field: Field, machines: Machines, note: NoteField): OldBmc {
  const text = field.text.trim();
  switch (meaningOf(field.name)) {
    case "bmcAddress": {
      // MAAS takes a URL and a port, too.
      const host = /^(?:[a-z+]+:\/\/)?(?:[^@/]*@)?([0-9.]+)(?=$|[:/])/i.exec(text)?.[1];
      const address = host === undefined ? undefined : parseIpv4(host);
      if (address !== undefined) return { address };
      note(field, "it is no IPv4 address: write the BMC's address under nodes.NAME.bmc");
      return {};
    }
    case "bmcUser":
      if (/^[\x21-\x7e]{1,64}$/.test(text)) return { user: text };
      note(field, "it is no user name of a BMC: set bmc.user of the node");
      return {};
    case "password": {
      const variable = machines.passwordVariable(text);
      note(
        field,
        `the password is not copied; the inventory refers to the environment: set ${variable} to it`,
      );
      return { passwordVariable: variable };
    }
    case "bmcKey": {
      const variable = machines.keyVariable(text);
      note(
        field,
        `the key is not copied; the inventory refers to the environment: set ${variable} to it`,
      );
      return { keyVariable: variable };
    }
    case "cipherSuite":
      if (text === "3" || text === "17") return { cipherSuite: text === "3" ? 3 : 17 };
      note(field, "rackstrap speaks cipher suites 3 and 17: choose one of them in bmc.cipherSuite");
      return {};
    default: {
      const kind = bmcKindOf(text);
      return kind === undefined ? {} : { kind };
    }
  }
}

function bmcKindOf(text: string): "ipmi" | "redfish" | undefined {
  const word = text.trim().toLowerCase();
  if (word === "redfish") return "redfish";
  return /^(?:ipmi|lan|lanplus|lan_2_0|ilo|idrac)/.test(word) ? "ipmi" : undefined;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}
