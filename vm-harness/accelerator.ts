// Whether this machine's KVM can be trusted with a virtual machine. It is asked by booting one over the network, as the rack's boot.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Accelerator = "tcg" | "kvm";

/**
 * "kvm" where a machine under it came through its network card's firmware to a program of ours, within ten seconds; else "tcg", software
 * emulation. That /dev/kvm opens proves nothing, and neither does a sector that runs from disk: under some nested hypervisors QEMU stops
 * inside iPXE, whose instructions they can't emulate.
 */
export async function findAccelerator(): Promise<Accelerator> {
  return existsSync("/dev/kvm") && (await bootsFromNetwork("kvm")) ? "kvm" : "tcg";
}

/** Whether a machine with this accelerator boots a program over a network of QEMU's own in time, without a word of complaint from QEMU. */
export async function bootsFromNetwork(
  accelerator: Accelerator,
  { qemu = "qemu-system-x86_64", timeoutMs = 10_000 } = {},
): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), "rack-kvm-"));
  try {
    writeFileSync(join(directory, "program.0"), program());
    const argv = [
      ...["-accel", accelerator, "-cpu", "max", "-m", "64"],
      ...["-nodefaults", "-no-user-config", "-display", "none"],
      ...["-device", `isa-debug-exit,iobase=${exitPort},iosize=1`],
      ...["-netdev", `user,id=net,restrict=on,tftp=${directory},bootfile=program.0`],
      ...["-device", "virtio-net-pci,netdev=net,bootindex=0"],
    ];
    const child = spawn(qemu, argv, {
      ...{ stdio: ["ignore", "ignore", "pipe"], timeout: timeoutMs, killSignal: "SIGKILL" },
    });
    // It tells of an error inside KVM, and keeps the machine that had it.
    child.stderr.once("data", () => child.kill("SIGKILL"));
    const [status] = await once(child, "close");
    // The device ends QEMU with the status (value << 1) | 1, a number QEMU itself never ends with.
    return status === ((exitValue << 1) | 1);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const exitPort = 0xf4;
const exitValue = 0x10;

/** mov al, exitValue; mov dx, exitPort; out dx, al; hlt */
function program(): Buffer {
  const octets = Buffer.alloc(512);
  Buffer.from([0xb0, exitValue, 0xba, exitPort, 0x00, 0xee, 0xf4]).copy(octets);
  return octets;
}
