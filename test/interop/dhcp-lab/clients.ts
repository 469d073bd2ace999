// The DHCP clients that Debian has, each as a program in a namespace of a lab that tells what it was given.

import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownIdentity } from "../../fakes/own-identity.ts";
import type { Lab, Program } from "./lab.ts";

/** What a client was given, in the server's words. */
export interface Given {
  readonly address: string | undefined;
  readonly mask: string | undefined;
  readonly router: string | undefined;
  readonly dns: string | undefined;
  readonly domain: string | undefined;
  readonly ntp: string | undefined;
  readonly mtu: string | undefined;
  readonly serverId: string | undefined;
}

type Values = Readonly<Record<string, string>>;

export interface RunningClient {
  readonly program: Program;
  /** What it was given, once it has an address. */
  given(): Promise<Given>;
}

export interface ClientProgram {
  readonly name: string;
  /** Starts it on an interface; `leaseSeconds` is what it asks for, if it can. */
  start(lab: Lab, space: string, device: string, leaseSeconds?: number): RunningClient;
}

/** Debian's package of every program. */
export const clientPackages = {
  udhcpc: "udhcpc",
  dhclient: "isc-dhcp-client",
  dhcpcd: "dhcpcd-base",
  unshare: "util-linux",
} as const;

// Address and route as a client's own script would set them, and every variable into a file.
const hook = `#!/bin/sh
case "\${reason:-$1}" in
bound|renew|BOUND|RENEW|REBIND|REBOOT)
  ip addr replace "\${ip:-$new_ip_address}/24" dev "$interface"
  ip route replace default via "\${router:-$new_routers}"
  env >"$0.new" && mv "$0.new" "$0.env"
  echo "hook: bound" ;;
deconfig|EXPIRE|FAIL|RELEASE|STOP) ip addr flush dev "$interface" ;;
esac
exit 0
`;

let started = 0;

function writeHook(lab: Lab): string {
  const file = join(lab.directory, `hook${started++}`);
  writeFileSync(file, hook);
  chmodSync(file, 0o755);
  return file;
}

const readValues = (file: string): Values =>
  Object.fromEntries(
    readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.split(/=(.*)/s, 2)),
  );

/** A client whose script writes its variables down; `prefix` stands before each of their names. */
function hooked(program: Program, script: string, names: Readonly<Record<keyof Given, string>>) {
  return {
    program,
    async given() {
      await program.said("hook: bound");
      const values = readValues(`${script}.env`);
      const entries = Object.entries(names).map(([key, name]) => [key, values[name]]);
      return Object.fromEntries(entries) as Given;
    },
  };
}

const newNames = {
  address: "new_ip_address",
  mask: "new_subnet_mask",
  router: "new_routers",
  dns: "new_domain_name_servers",
  domain: "new_domain_name",
  ntp: "new_ntp_servers",
  mtu: "new_interface_mtu",
  serverId: "new_dhcp_server_identifier",
} as const;

export const udhcpc: ClientProgram & { options(...more: string[]): ClientProgram } = {
  name: "udhcpc",
  start: (lab, space, device, leaseSeconds) => startUdhcpc(lab, space, device, leaseSeconds),
  options: (...more) => ({
    name: `udhcpc ${more.join(" ")}`,
    start: (lab, space, device, leaseSeconds) =>
      startUdhcpc(lab, space, device, leaseSeconds, ...more),
  }),
};

function startUdhcpc(
  lab: Lab,
  space: string,
  device: string,
  leaseSeconds: number | undefined,
  ...more: string[]
): RunningClient {
  const script = writeHook(lab);
  const asked = leaseSeconds === undefined ? [] : ["-x", `lease:${leaseSeconds}`];
  const options = ["-O", "mtu", "-O", "ntpsrv", "-O", "domain", ...asked, ...more];
  const argv = ["udhcpc", "-f", "-i", device, "-s", script, "-T", "1", "-A", "2", ...options];
  const names = {
    ...{ address: "ip", mask: "subnet", router: "router", dns: "dns", domain: "domain" },
    ...{ ntp: "ntpsrv", mtu: "mtu", serverId: "serverid" },
  };
  return hooked(lab.start(space, ...argv), script, names);
}

/** A dhclient with a memory of its own: when it is started again, it knows its lease. */
export function dhclient(): ClientProgram {
  let leases: string | undefined;
  return {
    name: "dhclient",
    start(lab, space, device, leaseSeconds) {
      const script = writeHook(lab);
      leases ??= `${script}.leases`;
      const wanted = "subnet-mask, routers, domain-name-servers, domain-name, ntp-servers";
      const asked = leaseSeconds === undefined ? "" : `send dhcp-lease-time ${leaseSeconds};`;
      const times = "retry 2;\ninitial-interval 1;\nbackoff-cutoff 2;";
      writeFileSync(`${script}.conf`, `request ${wanted}, interface-mtu;\n${times}\n${asked}\n`);
      const files = ["-cf", `${script}.conf`, "-lf", leases, "-pf", `${script}.pid`];
      const program = lab.start(space, "dhclient", "-d", "-v", ...files, "-sf", script, device);
      return hooked(program, script, newNames);
    },
  };
}

// Their own /run and /var/lib, so that they see and leave nothing of this machine.
const startAlone = (lab: Lab, space: string, ...argv: string[]) =>
  lab.start(space, "unshare", "--mount", "sh", "-c", ownIdentity, lab.directory, ...argv);

export const dhcpcd: ClientProgram = {
  name: "dhcpcd",
  start(lab, space, device, leaseSeconds) {
    const script = writeHook(lab);
    const conf = `${script}.conf`;
    const wanted = "domain_name_servers, domain_name, routers, subnet_mask, ntp_servers";
    writeFileSync(
      conf,
      `duid\noption ${wanted}, interface_mtu\nrequire dhcp_server_identifier\nnoipv4ll\n`,
    );
    const asked = leaseSeconds === undefined ? [] : ["-l", String(leaseSeconds)];
    const argv = ["dhcpcd", "-4", "-B", "-d", "-f", conf, "-c", script, ...asked, device];
    return hooked(startAlone(lab, space, ...argv), script, newNames);
  },
};

export const networkd: ClientProgram = {
  name: "systemd-networkd",
  start(lab, space, device) {
    writeFileSync(
      join(lab.directory, "lan.network"),
      `[Match]\nName=${device}\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n[DHCPv4]\nUseMTU=yes\n`,
    );
    const program = startAlone(lab, space, "/lib/systemd/systemd-networkd");
    const leases = `/proc/${program.process.pid}/root/run/systemd/netif/leases`;
    return {
      program,
      async given() {
        const values = await readLease(leases);
        const read = (name: string) => values[name];
        return {
          ...{ address: read("ADDRESS"), mask: read("NETMASK"), router: read("ROUTER") },
          ...{ dns: read("DNS"), domain: read("DOMAINNAME"), ntp: read("NTP"), mtu: read("MTU") },
          serverId: read("SERVER_ADDRESS"),
        };
      },
    };
  },
};

/** The lease networkd writes down; it says nothing of it, so the folder is looked at until it is there. */
async function readLease(directory: string): Promise<Values> {
  for (;;) {
    const [file] = existsSync(directory) ? readdirSync(directory) : [];
    if (file !== undefined && /^\d+$/.test(file)) return readValues(join(directory, file));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
