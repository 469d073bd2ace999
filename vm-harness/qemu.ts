// The command lines of one virtual machine: what is always there, and what each boot order adds.
// It writes nothing and starts nothing.

import { join } from "node:path";
import type { Mac } from "../src/net/mac.ts";
import type { Accelerator } from "./accelerator.ts";
import { tapName } from "./network.ts";
import { type PlatformChoice, platformOf } from "./platform.ts";

export interface Hardware extends PlatformChoice {
  readonly name: string;
  readonly mac: Mac;
  readonly productionMac: Mac;
  readonly memoryMiB: number;
  readonly networkRom: boolean;
  /** Whether its operating system can speak to a BMC. It is QEMU's own, and not the one that switches the machine. */
  readonly inBandBmc: boolean;
  readonly accelerator: Accelerator;
  /** Holds disk.raw and, on UEFI, vars.fd and vars-disk.fd; console.log is written there. */
  readonly directory: string;
  /** TCP ports on loopback for the serial line and QEMU's monitor. */
  readonly ports: { readonly console: number; readonly monitor: number };
}

/** PCI slots, the same on both machine types: a UEFI boot option names its device by them. */
export const pciSlots = { prov: 2, prod: 3, disk: 4 } as const;

/** Everything but the boot order. */
export function qemuArguments(hardware: Hardware): string[] {
  const { name, mac, productionMac, directory, ports } = hardware;
  const { emulator, cpu, board, uefi } = platformOf(hardware);
  // KVM runs the host's own instructions alone.
  const accelerator = hardware.architecture === "x86_64" ? hardware.accelerator : "tcg";
  const socket = (id: string, port: number) =>
    `socket,id=${id},host=127.0.0.1,port=${port},server=on,wait=off`;
  const consoleLog = `logfile=${join(directory, "console.log")},logappend=on`;
  return [
    ...[emulator, "-name", name, "-nodefaults", "-no-user-config"],
    ...["-accel", accelerator, "-cpu", cpu, "-smp", "1", "-m", `${hardware.memoryMiB}`],
    ...[...board, "-display", "none"],
    // A GUID of its own (option 97), the same at every start.
    ...["-uuid", `00000000-0000-4000-8000-${mac.replaceAll(":", "")}`],
    ...(hardware.architecture === "x86_64" ? identity(name) : []),
    ...(hardware.inBandBmc ? inBandBmc : []),
    ...(uefi === undefined ? [] : uefiFirmware(uefi.code)),
    ...card("prov", name, mac, hardware.networkRom),
    ...card("prod", name, productionMac, false),
    // unsafe: the guest's flushes don't reach the host's disk. Power cuts of the machine lose nothing
    // by it, since what the guest wrote is in the host's memory; power cuts of the host are not the test.
    ...["-drive", `if=none,id=disk0,format=raw,cache=unsafe,file=${join(directory, "disk.raw")}`],
    ...["-device", `virtio-blk-pci,id=disk,drive=disk0,addr=${pciSlots.disk},serial=${name}`],
    ...["-device", "virtio-rng-pci"],
    ...["-chardev", `${socket("console", ports.console)},${consoleLog}`],
    ...["-serial", "chardev:console"],
    ...["-chardev", socket("monitor", ports.monitor), "-mon", "chardev=monitor,mode=control"],
  ];
}

/** What a boot order adds: QEMU's bootindex for SeaBIOS, which has no memory of its own, and an NVRAM for UEFI. */
export function bootArguments(hardware: Hardware, first: "network" | "disk"): string[] {
  const { firmware, directory } = hardware;
  const [network, disk] = first === "network" ? [1, 2] : [2, 1];
  if (firmware === "bios")
    return [
      ...["-set", `device.prov.bootindex=${network}`],
      ...["-set", `device.disk.bootindex=${disk}`],
    ];
  // The disk-first NVRAM is thrown away after its one boot; the other is the machine's own and keeps
  // what a guest wrote into it.
  const nvram =
    first === "network"
      ? `file=${join(directory, "vars.fd")}`
      : `snapshot=on,file=${join(directory, "vars-disk.fd")}`;
  return ["-drive", `if=pflash,unit=1,format=raw,${nvram}`];
}

function identity(name: string): string[] {
  return ["-smbios", `type=1,manufacturer=Rack,product=Virtual,serial=SN-${name}`];
}

// Keyboard controller style, where the firmware's tables say it is.
const inBandBmc = ["-device", "ipmi-bmc-sim,id=bmc0", "-device", "isa-ipmi-kcs,bmc=bmc0"];

function uefiFirmware(code: string): string[] {
  return [
    ...["-drive", `if=pflash,unit=0,format=raw,readonly=on,file=${code}`],
    // There is no IPv6 in the rack, and each unanswered attempt costs a minute.
    ...["-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n"],
  ];
}

function card(network: "prov" | "prod", machine: string, mac: Mac, rom: boolean): string[] {
  const device = `virtio-net-pci,id=${network},netdev=${network}-net,mac=${mac},addr=${pciSlots[network]}`;
  return [
    "-netdev",
    `tap,id=${network}-net,ifname=${tapName(network, machine)},script=no,downscript=no`,
    "-device",
    rom ? device : `${device},romfile=`,
  ];
}
