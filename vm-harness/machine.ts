// One virtual machine and its BMC: the files that describe them, ipmi_sim as the BMC, and what a test
// may ask about both. QEMU itself is started and ended by bmc-vm.sh alone, on the BMC's behalf.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Ipv4 } from "../src/net/ipv4.ts";
import type { Mac } from "../src/net/mac.ts";
import type { Accelerator } from "./accelerator.ts";
import { type CommandResult, runInNamespace, spawnInNamespace } from "./network.ts";
import { type PlatformChoice, platformOf } from "./platform.ts";
import { bootArguments, type Hardware, pciSlots, qemuArguments } from "./qemu.ts";
import { withBootOrder } from "./uefi-boot-order.ts";

/** What a machine is made of. */
export interface MachineSpec extends PlatformChoice {
  /** At most 10 characters: it is part of the names of its network cards' taps. */
  readonly name: string;
  /** The card on the provisioning network, the one that boots. */
  readonly mac: Mac;
  readonly bmcAddress: Ipv4;
  readonly memoryMiB: number;
  readonly diskBytes: number;
  /**
   * True: QEMU's iPXE speaks on the network at power-on. False: EDK2's own PXE on UEFI, which fetches a
   * loader over TFTP as most servers do, and no network boot at all on BIOS, which has none of its own.
   */
  readonly networkRom: boolean;
  /** How UEFI boots from the network; the other way is not in its boot order. */
  readonly networkBoot: "pxe" | "http";
}

export interface Machine extends MachineSpec {
  readonly directory: string;
  /** Raw image of the machine's only disk, /dev/vda in the guest. */
  readonly diskPath: string;
  readonly productionMac: Mac;
  readonly bmcUser: string;
  /** File of mode 0600 that holds the password of `bmcUser`. */
  readonly bmcPasswordPath: string;
  /** Runs ipmitool against the machine's BMC, for example `["chassis", "power", "status"]`. */
  ipmitool(command: readonly string[]): Promise<CommandResult>;
  /** Power cycle through the BMC. Throws what ipmitool said when the BMC refuses. */
  powerCycle(): Promise<void>;
  /** Everything the serial console printed since the machine was made, over all its boots. */
  consoleLog(): string;
  /** The pid of the running QEMU, or undefined while the machine is off. */
  qemuPid(): number | undefined;
}

const bmcUser = "admin";

/**
 * Writes the machine's files below `directory`, which must exist. `index` keeps its ports apart from
 * those of the other machines in the namespace.
 */
export function createMachine(
  spec: MachineSpec,
  place: { readonly directory: string; readonly namespace: string; readonly index: number },
  accelerator: Accelerator,
): Machine {
  const directory = join(place.directory, spec.name);
  const file = (name: string) => join(directory, name);
  mkdirSync(file("bmc-state"), { recursive: true });
  const productionMac = productionMacOf(spec.mac);
  const ports = { console: 9101 + place.index, monitor: 9201 + place.index };
  const hardware: Hardware = { ...spec, productionMac, accelerator, directory, ports };
  // 12 characters: IPMI 2.0 has room for 20 bytes (§22.30).
  const password = randomBytes(9).toString("base64url");
  writeFileSync(file("bmc-password"), `${password}\n`, { mode: 0o600 });
  writeFileSync(file("bmc.emu"), emulatedController);
  writeFileSync(file("bmc.conf"), bmcConfiguration(hardware, spec.bmcAddress, password), {
    mode: 0o600,
  });
  writeHardware(hardware, spec);

  const ipmitool = (command: readonly string[]) =>
    runInNamespace(
      place.namespace,
      // Suite 3 is the only one ipmi_sim knows; naming it saves the ten seconds ipmitool asks for the list.
      // A command that is sent again reaches the machine twice, and a busy host is slow to answer the first.
      [
        ...["ipmitool", "-I", "lanplus", "-C", "3", "-N", "10", "-R", "2"],
        ...["-H", spec.bmcAddress, "-U", bmcUser, "-E", ...command],
      ],
      { environment: { IPMI_PASSWORD: readFileSync(file("bmc-password"), "utf8").trim() } },
    );
  return {
    ...spec,
    directory,
    diskPath: file("disk.raw"),
    productionMac,
    bmcUser,
    bmcPasswordPath: file("bmc-password"),
    ipmitool,
    powerCycle: async () => {
      const { code, stderr } = await ipmitool(["chassis", "power", "cycle"]);
      if (code !== 0) throw new Error(`${spec.name}: power cycle refused: ${stderr.trim()}`);
    },
    consoleLog: () => readIfThere(file("console.log")) ?? "",
    qemuPid: () => runningPid(file("qemu.pid")),
  };
}

/** What bmc-vm.sh starts the machine from: one argument per line, the disk, and a UEFI machine's NVRAM. */
function writeHardware(hardware: Hardware, { diskBytes, networkBoot }: MachineSpec): void {
  const file = (name: string) => join(hardware.directory, name);
  const lines = (argv: readonly string[]) => `${argv.join("\n")}\n`;
  writeFileSync(file("qemu.argv"), lines(qemuArguments(hardware)));
  writeFileSync(file("boot-network.argv"), lines(bootArguments(hardware, "network")));
  writeFileSync(file("boot-disk.argv"), lines(bootArguments(hardware, "disk")));
  writeFileSync(file("monitor-port"), `${hardware.ports.monitor}\n`);
  makeSparseFile(file("disk.raw"), diskBytes);
  const { uefi } = platformOf(hardware);
  if (uefi === undefined) return;
  const template = readFileSync(uefi.variables);
  const kind = networkBoot === "http" ? "http" : "network";
  const network = { kind, pciSlot: pciSlots.prov, mac: hardware.mac } as const;
  const disk = { kind: "disk", pciSlot: pciSlots.disk } as const;
  writeFileSync(file("vars-network.fd"), withBootOrder(template, [network, disk]));
  writeFileSync(file("vars-disk.fd"), withBootOrder(template, [disk, network]));
  copyFileSync(file("vars-network.fd"), file("vars.fd"));
}

/** Starts the machine's BMC and waits until it answers. The process lives until its namespace is removed. */
export async function startBmc(machine: Machine, namespace: string): Promise<void> {
  const { directory } = machine;
  const log = openSync(join(directory, "bmc.log"), "a");
  const argv = ["ipmi_sim", "-n", "-c", "bmc.conf", "-f", "bmc.emu", "-s", "bmc-state"];
  // Detached: a Ctrl-C at the terminal must not end BMCs behind the rack's back.
  spawnInNamespace(namespace, argv, {
    cwd: directory,
    stdio: ["ignore", log, log],
    detached: true,
  }).unref();
  closeSync(log);
  for (let attempt = 0; attempt < 10; attempt++) {
    const { code } = await machine.ipmitool(["-R", "1", "-N", "1", "chassis", "power", "status"]);
    if (code === 0) return;
  }
  throw new Error(
    `${machine.name}: the BMC at ${machine.bmcAddress} doesn't answer; ipmi_sim said: ${readIfThere(join(directory, "bmc.log"))}`,
  );
}

// ipmi_sim's own description of the controller: one sensor and an event log, the least it accepts.
const emulatedController = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
sensor_add 0x20 0 1 0x01 0x01
sensor_set_value 0x20 0 1 0x60 0
mc_enable 0x20
`;

// Passwords in the clear ("straight") are not offered: RMCP+ (IPMI 2.0 §13) is what must work.
function bmcConfiguration(hardware: Hardware, address: Ipv4, password: string): string {
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
  user 2 true "${bmcUser}" "${password}" admin 10 none md2 md5
`;
}

/** The card on the production network: the same address in a block of its own. */
function productionMacOf(mac: Mac): Mac {
  const octets = mac.split(":");
  octets[2] = "01";
  return octets.join(":") as Mac;
}

function makeSparseFile(path: string, bytes: number): void {
  const disk = openSync(path, "wx");
  ftruncateSync(disk, bytes);
  closeSync(disk);
}

/** The pid in `pidFile`, when that process is alive and was started with this very file: pids are used again. */
export function runningPid(pidFile: string): number | undefined {
  const pid = Number(readIfThere(pidFile));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const argv = readIfThere(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
  return argv.includes(pidFile) ? pid : undefined;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (["ENOENT", "ESRCH"].includes((cause as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw cause;
  }
}
