// The kinds of machine that the rack has: emulator, board and firmware of each. Data only.

export interface PlatformChoice {
  readonly firmware: "bios" | "uefi";
  /** UEFI with Microsoft's keys enrolled: starts nothing that is not signed by them. */
  readonly secureBoot: boolean;
  readonly architecture: "x86_64" | "aarch64";
}

export interface Platform {
  readonly emulator: string;
  readonly cpu: string;
  readonly board: readonly string[];
  /** Code, and the template of the variables. */
  readonly uefi?: { readonly code: string; readonly variables: string };
}

// graphics=off makes SeaBIOS and its option ROMs write to the serial port.
const bios: Platform = {
  emulator: "qemu-system-x86_64",
  cpu: "max",
  board: ["-machine", "pc,graphics=off"],
};

const uefi: Platform = {
  emulator: "qemu-system-x86_64",
  cpu: "max",
  board: ["-machine", "q35"],
  uefi: {
    code: "/usr/share/OVMF/OVMF_CODE_4M.fd",
    variables: "/usr/share/OVMF/OVMF_VARS_4M.fd",
  },
};

// System management mode is what keeps the variables from a guest that would switch Secure Boot off.
const secureBoot: Platform = {
  emulator: "qemu-system-x86_64",
  cpu: "max",
  board: [
    ...["-machine", "q35,smm=on", "-global", "ICH9-LPC.disable_s3=1"],
    ...["-global", "driver=cfi.pflash01,property=secure,value=on"],
  ],
  uefi: {
    code: "/usr/share/OVMF/OVMF_CODE_4M.ms.fd",
    variables: "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
  },
};

const arm64: Platform = {
  emulator: "qemu-system-aarch64",
  cpu: "cortex-a57",
  board: ["-machine", "virt"],
  uefi: {
    code: "/usr/share/AAVMF/AAVMF_CODE.fd",
    variables: "/usr/share/AAVMF/AAVMF_VARS.fd",
  },
};

const arm64SecureBoot: Platform = {
  ...arm64,
  uefi: {
    code: "/usr/share/AAVMF/AAVMF_CODE.ms.fd",
    variables: "/usr/share/AAVMF/AAVMF_VARS.ms.fd",
  },
};

export function platformOf(choice: PlatformChoice): Platform {
  if (choice.architecture === "aarch64") return choice.secureBoot ? arm64SecureBoot : arm64;
  if (choice.firmware === "bios") return bios;
  return choice.secureBoot ? secureBoot : uefi;
}
