// One virtual machine: the files that describe it, and what a test may ask about it and its BMC. QEMU itself is started and ended
// by bmc-vm.sh alone, on the BMC's behalf; the BMC is in rack-bmc.ts.

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
import { type CommandResult, runInNamespace } from "./network.ts";
import { type PlatformChoice, platformOf } from "./platform.ts";
import { bootArguments, type Hardware, pciSlots, qemuArguments } from "./qemu.ts";
import { type BmcKind, cipherSuiteOf, writeSimConfiguration } from "./rack-bmc.ts";
import { withBootOrder } from "./uefi-boot-order.ts";

/** What a machine is made of. */
export interface MachineSpec extends PlatformChoice {
  /** At most 10 characters: it is part of the names of its network cards' taps. */
  readonly name: string;
  /** The card on the provisioning network, the one that boots. */
  readonly mac: Mac;
  readonly bmcAddress: Ipv4;
  readonly bmc: BmcKind;
  readonly memoryMiB: number;
  readonly diskBytes: number;
  /**
   * True: QEMU's iPXE speaks on the network at power-on. False: EDK2's own PXE on UEFI, which fetches a
   * loader over TFTP as most servers do, and no network boot at all on BIOS, which has none of its own.
   */
  readonly networkRom: boolean;
  /** See `Hardware.inBandBmc`. */
  readonly inBandBmc: boolean;
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
  writeSimConfiguration(hardware, spec.bmcAddress, { user: bmcUser, password });
  writeHardware(hardware, spec);

  const ipmitool = (command: readonly string[]) =>
    runInNamespace(
      place.namespace,
      // Naming the suite saves the ten seconds that ipmitool asks ipmi_sim for the list.
      // A command that is sent again reaches the machine twice, and a busy host is slow to answer the first.
      [
        ...["ipmitool", "-I", "lanplus", "-C", cipherSuiteOf(spec.bmc), "-N", "10", "-R", "2"],
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
