// What rackstrap asks of a baseboard management controller, whatever protocol it speaks.

import type { Secret } from "../net/secret.ts";

export type PowerState = "on" | "off";

/** `soft` asks the operating system to shut down; `off` is hard; `cycle` is off and on by the BMC itself; `reset` keeps power. */
export type PowerAction = "on" | "off" | "soft" | "cycle" | "reset";

/** `none`: the machine's own boot order. `bios`: its set-up menu. */
export type BootDevice = "none" | "pxe" | "disk" | "cdrom" | "bios";

/** What the machine boots in place of its own order. */
export interface BootOverride {
  /** `other`: one that is not named here. */
  readonly device: BootDevice | "other";
  /** False: at the next boot only. */
  readonly persistent: boolean;
  readonly uefi: boolean;
}

export interface WantedBoot extends BootOverride {
  readonly device: BootDevice;
}

/** What a BMC says of itself and of its machine. What it does not say is absent. */
export interface BmcDescription {
  readonly protocol: string;
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
  readonly serial?: string | undefined;
  readonly firmware?: string | undefined;
  /** UUID of the machine, in lower case, as option 97 and SMBIOS have it. */
  readonly uuid?: string | undefined;
}

export interface SensorReading {
  readonly name: string;
  /** Absent: the sensor has no reading now, as most have none while the machine is off. */
  readonly value?: number | undefined;
  /** Such as "degrees C", "RPM", "Volts". Empty for a sensor that only has states. */
  readonly unit: string;
  readonly health: "ok" | "warning" | "critical" | "unknown";
}

/** One entry of the BMC's own event log. */
export interface LogEntry {
  readonly id: string;
  /** ISO 8601. Absent: the BMC's clock was not set. */
  readonly time?: string | undefined;
  readonly severity: "ok" | "warning" | "critical";
  readonly message: string;
}

/** A machine's serial console through its BMC. */
export interface SerialConsole {
  /** What the machine prints. Ends when the console is closed; throws a BmcError when it is lost. */
  readonly output: AsyncIterable<Buffer>;
  /** Types. Resolves when the BMC took it all; throws a BmcError when the console is lost. */
  write(data: Buffer): Promise<void>;
  sendBreak(): Promise<void>;
  close(): Promise<void>;
}

/** An image that the BMC shows its machine as a CD. */
export interface VirtualMedia {
  insert(imageUrl: string, signal?: AbortSignal): Promise<void>;
  eject(signal?: AbortSignal): Promise<void>;
  /** The image's URL, or undefined when there is none. */
  inserted(signal?: AbortSignal): Promise<string | undefined>;
}

/** One piece of firmware and its version. */
export interface FirmwareVersion {
  readonly name: string;
  readonly version: string;
}

/**
 * One machine's controller. Every call may throw a `BmcError`; "unsupported" where the protocol or this BMC has no such thing.
 * Calls of one BMC are done one after the other. Nothing that would do harm twice is sent twice.
 */
export interface Bmc {
  powerState(signal?: AbortSignal): Promise<PowerState>;
  /** Asks for a change. Resolves when the BMC accepted it, not when it happened: read `powerState` to know. */
  power(action: PowerAction, signal?: AbortSignal): Promise<void>;
  bootOverride(signal?: AbortSignal): Promise<BootOverride>;
  /** Sets the override and reads it back: the answer is what the BMC kept. Throws "unsupported" when it kept another device. */
  setBootOverride(wanted: WantedBoot, signal?: AbortSignal): Promise<BootOverride>;
  /** Lights the identify lamp for that long; 0 puts it out. */
  identify(seconds: number, signal?: AbortSignal): Promise<void>;
  describe(signal?: AbortSignal): Promise<BmcDescription>;
  sensors(signal?: AbortSignal): Promise<readonly SensorReading[]>;
  events(signal?: AbortSignal): Promise<readonly LogEntry[]>;
  clearEvents(signal?: AbortSignal): Promise<void>;
  /** Of the user this driver logs in as. */
  setPassword(password: Secret, signal?: AbortSignal): Promise<void>;
  firmwareVersions(signal?: AbortSignal): Promise<readonly FirmwareVersion[]>;
  /** Throws "busy" when somebody else has the console, unless it is to be taken over. */
  openConsole(
    options: { readonly takeOver: boolean },
    signal?: AbortSignal,
  ): Promise<SerialConsole>;
  /** Absent where the protocol has none. */
  readonly virtualMedia?: VirtualMedia;
  /** Gives the BMC its session back, after the calls that wait. Never rejects. */
  close(): Promise<void>;
}

/** Why a BMC did not do what it was asked. The kind decides whether a caller tries again. */
export type BmcFailureKind =
  | "unreachable"
  | "authentication"
  | "busy"
  | "unsupported"
  | "timeout"
  | "protocol";

export class BmcError extends Error {
  readonly kind: BmcFailureKind;
  /** False: the BMC was not given the command, so it has not done it. True where that is not known. */
  readonly sent: boolean;

  constructor(
    kind: BmcFailureKind,
    message: string,
    options?: ErrorOptions & { readonly sent?: boolean },
  ) {
    super(message, options);
    this.name = "BmcError";
    this.kind = kind;
    this.sent = options?.sent ?? true;
  }
}

/** The same error of a command that the BMC was never given; what is no BmcError as it is. */
export function unsent(error: unknown): unknown {
  if (!(error instanceof BmcError)) return error;
  return new BmcError(error.kind, error.message, { cause: error.cause, sent: false });
}

/** Whether the answer to a command was lost, so that it may be done or not. */
export function mayBeDone(error: unknown): error is BmcError {
  return error instanceof BmcError && error.kind === "timeout" && error.sent;
}

const remedies: Readonly<Record<BmcFailureKind, string>> = {
  unreachable: "check its address, its cable and that this protocol is enabled on it",
  authentication: "check user, password and that the user is an administrator",
  busy: "it has no free session or is at work; try again in a minute",
  unsupported: "check its firmware and the node's bmc settings",
  timeout: "read the power state before asking again",
  protocol: "try the same by hand, and read the cause",
};

/** The error of one BMC: who, what happened, what to do. `subject` is such as "BMC 10.0.10.50:623, user admin". */
export function bmcError(
  kind: BmcFailureKind,
  subject: string,
  said: string,
  cause?: unknown,
): BmcError {
  return new BmcError(kind, `${subject}: ${said}: ${remedies[kind]}`, { cause });
}

/** Whether asking again later may help. The other kinds need a person. */
export function mayPass({ kind }: BmcError): boolean {
  return kind === "unreachable" || kind === "busy" || kind === "timeout";
}
