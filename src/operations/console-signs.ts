// What a machine's console says about its boot: how far it came, and what went wrong. Pure. The texts are those of SeaBIOS, EDK2,
// the PXE specification, iPXE, GRUB, Linux and NixOS, and of the BIOSes of server boards.

import { createConsoleText, plainLine } from "./console-text.ts";

/** In the order in which a boot goes through them; none of them must be seen. */
export const consoleStages = [
  "firmware",
  "dhcp",
  "tftp",
  "ipxe",
  "script",
  "kernel",
  "initrd",
  /** systemd, of the installer or of the installed system. */
  "system",
  "installer",
  "login",
] as const;

export type ConsoleStage = (typeof consoleStages)[number];

/** Each has an event kind of its own on the node's timeline. The most telling first: of two, the first explains the second. */
export const consoleFaults = [
  "kernel-panicked",
  "secure-boot-violated",
  "ipxe-failed",
  "network-boot-failed",
  "no-bootable-device",
] as const;

export type ConsoleFault = (typeof consoleFaults)[number];

export type ConsoleSign =
  | { readonly kind: "stage"; readonly stage: ConsoleStage; readonly line: string }
  | { readonly kind: "fault"; readonly fault: ConsoleFault; readonly line: string };

export interface ConsoleSigns {
  /** Takes what was printed, cut anywhere. Returns what is seen for the first time in this boot. */
  take(data: Buffer): ConsoleSign[];
}

interface Pattern {
  readonly what: ConsoleStage | ConsoleFault;
  readonly text: RegExp;
  /** A machine prints this only when it starts. */
  readonly starts?: boolean;
  /** It waits behind this text, which no line end follows. */
  readonly prompt?: boolean;
}

// Of a line the first that fits. Faults stand before stages: "PXE-E18" is in lines that look like DHCP.
const patterns: readonly Pattern[] = [
  { what: "kernel-panicked", text: /Kernel panic - not syncing/ },
  {
    what: "secure-boot-violated",
    text: /Secure Boot Violation|\(0x1A\) Security Violation|bad shim signature|has invalid signature|Invalid signature detected|BdsDxe: .*: (?:Security Violation|Access Denied)/i,
  },
  { what: "network-boot-failed", text: /\bPXE-E\w{2,3}\b/ },
  // Not iPXE's statistics, which name packets that were lost on the way to success: [TXE: 1 x "Network unreachable (…)"]; and
  // not error 1, with which our own script hands a machine back to its firmware.
  {
    what: "ipxe-failed",
    text: /^(?!\s*\[).*\(https?:\/\/ipxe\.org\/(?!00000001)[0-9a-f]{8}\)/,
  },
  {
    what: "no-bootable-device",
    text: /No bootable (?:device|option)|No boot (?:device|disk|media) (?:available|found|detected)|Reboot and Select proper Boot device|Operating System not found|Missing operating system|Non-System disk|Boot device not found/i,
  },
  {
    what: "firmware",
    starts: true,
    text: /^SeaBIOS \(version|^UEFI firmware \(version|American Megatrends|Initializing Firmware Interfaces|ProLiant System BIOS|Phoenix TrustedCore|Press <?(?:DEL|F2|ESC)>? .*\bsetup\b/i,
  },
  {
    what: "installer",
    prompt: true,
    text: /\bnixos(?:-installer)? login: |^nixos-installer|accounts have empty passwords/,
  },
  { what: "login", prompt: true, text: /\b[\w.-]+ login: *$/ },
  { what: "script", text: /^\w+:\/\/\S+\.ipxe\S*\.\.\. ok|^rackstrap: / },
  {
    what: "kernel",
    text: /Linux version \d|EFI stub: |^Probing EDD|Decompressing Linux|Booting Linux on physical CPU/,
  },
  { what: "initrd", text: /Run \/init as init process|NixOS Stage 1|Running in initrd/i },
  { what: "system", text: /Welcome to .*NixOS|NixOS Stage 2/ },
  { what: "ipxe", text: /iPXE initialising devices|^iPXE \d+\.\d+/ },
  {
    what: "tftp",
    text: /^\s*TFTP[.:]|^tftp:\/\/\S+\.\.\.|NBP file(?:name|size) is|Downloading NBP file|NBP file downloaded/,
  },
  {
    what: "dhcp",
    text: /Start (?:PXE|HTTP Boot) over IPv[46]|\bDHCP ?[.|\\/-]|^Configuring \(net\d|CLIENT MAC ADDR:|Station IP address is/,
  },
  {
    what: "firmware",
    text: /BdsDxe: (?:loading|starting|failed to)|^Booting from (?:ROM|Hard Disk|DVD|Floppy)|UEFI Interactive Shell/,
  },
];

const prompts = patterns.filter(({ prompt }) => prompt === true);

// The kernel's own last words; whatever follows is another boot.
const restarts = /reboot: (?:Restarting system|machine restart|Power down)/;
// A BIOS that draws its screen on the serial line breaks lines there.
const screenColumns = 80;

export function createConsoleSigns(): ConsoleSigns {
  const text = createConsoleText();
  const seen = new Set<string>();
  // The beginning of a line that the screen broke.
  let broken = "";

  const whole = (line: string): string => {
    const joined = broken + line;
    broken = line.length === screenColumns && joined.length < 4 * screenColumns ? joined : "";
    return joined;
  };
  const read = (line: string, ended: boolean): ConsoleSign[] => {
    const found = (ended ? patterns : prompts).find((pattern) => pattern.text.test(line));
    if (ended && restarts.test(line)) seen.clear();
    if (found === undefined) return [];
    if (beginsAnew(found, seen)) seen.clear();
    if (seen.has(found.what)) return [];
    seen.add(found.what);
    return [signOf(found.what, line)];
  };

  return {
    take: (data) => {
      const signs = text.take(data).flatMap((line) => read(whole(line), true));
      return [...signs, ...read(text.pending, false)];
    },
  };
}

/** Firmware prints several lines in one boot: they begin another only after something else was seen, and the lesser ones after a kernel. */
function beginsAnew({ what, starts }: Pattern, seen: ReadonlySet<string>): boolean {
  if (what !== "firmware") return false;
  if (starts === true) return [...seen].some((other) => other !== "firmware");
  return ["kernel", "initrd", "system", "installer", "login", "kernel-panicked"].some((late) =>
    seen.has(late),
  );
}

function signOf(what: ConsoleStage | ConsoleFault, line: string): ConsoleSign {
  const fault = consoleFaults.find((one) => one === what);
  if (fault !== undefined) return { kind: "fault", fault, line: plainLine(line) };
  return { kind: "stage", stage: what as ConsoleStage, line: plainLine(line) };
}
