// The BMC of one machine of the rack: Debian's ipmi_sim, or the simulator of vm-harness/bmc, which knows what ipmi_sim does not.

import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Ipv4 } from "../src/net/ipv4.ts";
import type { Machine } from "./machine.ts";
import { spawnInNamespace } from "./network.ts";
import type { Hardware } from "./qemu.ts";

/**
 * What stands there and how the inventory drives it. `ipmi_sim`: cipher suite 3 over the product's own client; `ipmitool`: the
 * same through the program; `ipmi-17` and `redfish`: the simulator over cipher suite 17, and over Redfish.
 */
export type BmcKind = "ipmi_sim" | "ipmitool" | "ipmi-17" | "redfish";

/** The only one that ipmi_sim knows, and the better of the simulator's. */
export function cipherSuiteOf(kind: BmcKind): "3" | "17" {
  return kind === "ipmi_sim" || kind === "ipmitool" ? "3" : "17";
}

/** File with the certificate of the machine's Redfish service. */
export function certificateOf({ directory }: Pick<Machine, "directory">): string {
  return join(directory, "bmc-certificate.pem");
}

const simulator = join(import.meta.dirname, "bmc/simulator.ts");

/** Starts the machine's BMC and waits until it answers. The process lives until its namespace is removed. */
export async function startBmc(machine: Machine, namespace: string): Promise<void> {
  const { directory } = machine;
  const log = openSync(join(directory, "bmc.log"), "a");
  // Detached: a Ctrl-C at the terminal must not end BMCs behind the rack's back.
  spawnInNamespace(namespace, argvOf(machine), {
    cwd: directory,
    stdio: ["ignore", log, log],
    detached: true,
  }).unref();
  closeSync(log);
  for (let attempt = 0; attempt < 20; attempt++) {
    const { code } = await machine.ipmitool(["-R", "1", "-N", "1", "chassis", "power", "status"]);
    if (code === 0) return;
  }
  throw new Error(
    `${machine.name}: the BMC at ${machine.bmcAddress} doesn't answer; it said: ${readFileSync(join(directory, "bmc.log"), "utf8")}`,
  );
}

function argvOf(machine: Machine): readonly string[] {
  if (cipherSuiteOf(machine.bmc) === "3")
    return ["ipmi_sim", "-n", "-c", "bmc.conf", "-f", "bmc.emu", "-s", "bmc-state"];
  return [
    ...[process.execPath, simulator, "--address", machine.bmcAddress],
    ...["--machine", machine.directory, "--user", machine.bmcUser],
    ...["--password-file", machine.bmcPasswordPath],
    ...["--control", join(machine.directory, "bmc-control")],
    ...["--redfish-port", "443", "--certificate", certificateOf(machine)],
  ];
}

// ipmi_sim's own description of the controller: one sensor and an event log, the least it accepts.
const emulatedController = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
sensor_add 0x20 0 1 0x01 0x01
sensor_set_value 0x20 0 1 0x60 0
mc_enable 0x20
`;

/** Writes what ipmi_sim is started from. */
export function writeSimConfiguration(
  hardware: Hardware,
  address: Ipv4,
  login: { readonly user: string; readonly password: string },
): void {
  const file = (name: string) => join(hardware.directory, name);
  mkdirSync(file("bmc-state"), { recursive: true });
  writeFileSync(file("bmc.emu"), emulatedController);
  writeFileSync(file("bmc.conf"), simConfiguration(hardware, address, login), { mode: 0o600 });
}

// Passwords in the clear ("straight") are not offered: RMCP+ (IPMI 2.0 §13) is what must work.
function simConfiguration(
  hardware: Hardware,
  address: Ipv4,
  { user, password }: { readonly user: string; readonly password: string },
): string {
  const { name, mac, directory, ports } = hardware;
  const program = join(import.meta.dirname, "bmc-vm.sh");
  const levels = ["callback", "user", "operator", "admin"];
  return `name "${name}"
set_working_mc 0x20
  startlan 1
    addr ${address} 623
    priv_limit admin
${levels.map((level) => `    allowed_auths_${level} none md2 md5`).join("\n")}
    guid 0000000000004000a000${mac.replaceAll(":", "")}
  endlan
  chassis_control "'${program}' '${directory}'"
  sol "tcp:127.0.0.1:${ports.console}" 115200
  user 1 false "" "" user 10 none md2 md5
  user 2 true "${user}" "${password}" admin 10 none md2 md5
`;
}
