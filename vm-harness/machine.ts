// One virtual machine and its BMC: the files that describe them, ipmi_sim as the BMC, and what a test
// may ask about both. QEMU itself is started and ended by bmc-vm.sh alone, on the BMC's behalf.

import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { closeSync, ftruncateSync } from "node:fs";
import { join } from "node:path";
import type { Ipv4 } from "../src/net/ipv4.ts";
import type { Mac } from "../src/net/mac.ts";
import { type CommandResult, runInNamespace, spawnInNamespace, tapName } from "./network.ts";

/** What a machine is made of. */
export interface MachineSpec {
  /** At most 10 characters: it is part of the names of its network cards' taps. */
  readonly name: string;
  /** The card on the provisioning network, the one that boots. */
  readonly mac: Mac;
  readonly firmware: "bios" | "uefi";
  readonly bmcAddress: Ipv4;
  readonly memoryMiB: number;
  readonly diskBytes: number;
  /**
   * True: QEMU's iPXE speaks on the network at power-on. False: EDK2's own PXE on UEFI, which fetches a
   * loader over TFTP as most servers do, and no network boot at all on BIOS, which has none of its own.
   */
  readonly networkRom: boolean;
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

// Fast enough to start, and IPMI 2.0 has room for 20 bytes (§22.30).
const passwordBytes = 9;

/**
 * Writes the machine's files below `directory`, which must exist. `index` keeps its ports apart from
 * those of the other machines in the namespace.
 */
export function createMachine(
  spec: MachineSpec,
  place: { readonly directory: string; readonly namespace: string; readonly index: number },
  accelerator: "tcg" | "kvm",
): Machine {
  const directory = join(place.directory, spec.name);
  const file = (name: string) => join(directory, name);
  mkdirSync(file("bmc-state"), { recursive: true, mode: 0o700 });
  const password = randomBytes(passwordBytes).toString("base64url");
  writeFileSync(file("bmc-password"), `${password}\n`, { mode: 0o600 });
  const ports = { console: 9101 + place.index, monitor: 9201 + place.index };
  writeFileSync(file("monitor-port"), `${ports.monitor}\n`);
  writeFileSync(file("bmc.emu"), emulatedController);
  writeFileSync(file("bmc.conf"), bmcConfiguration(spec, password, directory, ports.console), {
    mode: 0o600,
  });
  makeSparseFile(file("disk.raw"), spec.diskBytes);
  if (spec.firmware === "uefi") copyFileSync("/usr/share/OVMF/OVMF_VARS_4M.fd", file("vars.fd"));
  const productionMac = productionMacOf(spec.mac);
  const argv = qemuArguments(spec, { directory, productionMac, ports, accelerator });
  writeFileSync(file("qemu.argv"), `${argv.join("\n")}\n`);

  const ipmitool = (command: readonly string[]) =>
    runInNamespace(
      place.namespace,
      // Suite 3 is the only one ipmi_sim knows; naming it saves the ten seconds ipmitool asks for the list.
      ["ipmitool", "-I", "lanplus", "-C", "3", "-H", spec.bmcAddress, "-U", bmcUser, "-E", ...command],
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

function qemuArguments(
  spec: MachineSpec,
  parts: {
    readonly directory: string;
    readonly productionMac: Mac;
    readonly ports: { readonly console: number; readonly monitor: number };
    readonly accelerator: "tcg" | "kvm";
  },
): string[] {
  const { directory, productionMac, ports, accelerator } = parts;
  const card = (network: "prov" | "prod", mac: Mac, rom: boolean) => [
    "-netdev",
    `tap,id=${network}-net,ifname=${tapName(network, spec.name)},script=no,downscript=no`,
    "-device",
    `virtio-net-pci,id=${network},netdev=${network}-net,mac=${mac}${rom ? "" : ",romfile="}`,
  ];
  const socket = (id: string, port: number) =>
    `socket,id=${id},host=127.0.0.1,port=${port},server=on,wait=off`;
  return [
    "qemu-system-x86_64",
    ...["-name", spec.name, "-nodefaults", "-no-user-config"],
    ...["-accel", accelerator, "-cpu", "max", "-smp", "1", "-m", `${spec.memoryMiB}`],
    // graphics=off makes SeaBIOS and its option ROMs write to the serial port.
    ...["-machine", spec.firmware === "bios" ? "pc,graphics=off" : "q35", "-display", "none"],
    // A GUID of its own (option 97), the same at every start.
    ...["-uuid", `00000000-0000-4000-8000-${spec.mac.replaceAll(":", "")}`],
    ...(spec.firmware === "uefi" ? ovmfArguments(directory) : []),
    ...card("prov", spec.mac, spec.networkRom),
    ...card("prod", productionMac, false),
    // unsafe: the guest's flushes never reach the host's disk; a rack doesn't outlive its host.
    ...["-drive", `if=none,id=disk0,format=raw,cache=unsafe,file=${join(directory, "disk.raw")}`],
    ...["-device", `virtio-blk-pci,id=disk,drive=disk0,serial=${spec.name}`],
    ...["-device", "virtio-rng-pci"],
    ...["-chardev", `${socket("console", ports.console)},logfile=${join(directory, "console.log")},logappend=on`],
    ...["-serial", "chardev:console"],
    ...["-chardev", socket("monitor", ports.monitor), "-mon", "chardev=monitor,mode=readline"],
  ];
}

function ovmfArguments(directory: string): string[] {
  return [
    ...["-drive", "if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"],
    ...["-drive", `if=pflash,unit=1,format=raw,file=${join(directory, "vars.fd")}`],
    ...["-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n"],
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

// "straight" password authentication is left out on purpose: RMCP+ (IPMI 2.0 §13) is what must work.
function bmcConfiguration(
  spec: MachineSpec,
  password: string,
  directory: string,
  consolePort: number,
): string {
  const program = join(import.meta.dirname, "bmc-vm.sh");
  return `name "${spec.name}"
set_working_mc 0x20
  startlan 1
    addr ${spec.bmcAddress} 623
    priv_limit admin
    allowed_auths_callback none md2 md5
    allowed_auths_user none md2 md5
    allowed_auths_operator none md2 md5
    allowed_auths_admin none md2 md5
    guid 0000000000004000a000${spec.mac.replaceAll(":", "")}
  endlan
  chassis_control "'${program}' '${directory}'"
  sol "tcp:127.0.0.1:${consolePort}" 115200
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
function runningPid(pidFile: string): number | undefined {
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
