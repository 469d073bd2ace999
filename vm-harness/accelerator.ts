// Whether this machine's KVM can be trusted with a virtual machine. It is asked by booting one.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Accelerator = "tcg" | "kvm";

/**
 * Boots a one-sector disk under KVM and answers "kvm" only when its code ran; at most two seconds, and
 * "tcg" (software emulation) for everything else. That /dev/kvm opens proves nothing: under some nested
 * hypervisors QEMU starts with it and then stops inside the firmware.
 */
export function findAccelerator(): Accelerator {
  if (!existsSync("/dev/kvm")) return "tcg";
  const directory = mkdtempSync(join(tmpdir(), "rack-kvm-"));
  try {
    const disk = join(directory, "sector");
    writeFileSync(disk, bootSector());
    const { status } = spawnSync(
      "qemu-system-x86_64",
      [
        ...["-accel", "kvm", "-nodefaults", "-no-user-config", "-display", "none", "-m", "64"],
        ...["-device", `isa-debug-exit,iobase=${exitPort},iosize=1`],
        ...["-drive", `file=${disk},format=raw,snapshot=on`],
      ],
      { stdio: "ignore", timeout: 2000, killSignal: "SIGKILL" },
    );
    // The device ends QEMU with the status (value << 1) | 1, a number QEMU itself never ends with.
    return status === ((exitValue << 1) | 1) ? "kvm" : "tcg";
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const exitPort = 0xf4;
const exitValue = 0x10;

/** mov al, exitValue; mov dx, exitPort; out dx, al; hlt */
function bootSector(): Buffer {
  const sector = Buffer.alloc(512);
  Buffer.from([0xb0, exitValue, 0xba, exitPort, 0x00, 0xee, 0xf4]).copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}
