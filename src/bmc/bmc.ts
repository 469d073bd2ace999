// What rackstrap asks of a baseboard management controller, whatever protocol it speaks.

export type PowerState = "on" | "off";
export type PowerAction = "on" | "off" | "cycle";

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

  constructor(kind: BmcFailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BmcError";
    this.kind = kind;
  }
}

/** Whether asking again later may help. The other kinds need a person. */
export function mayPass({ kind }: BmcError): boolean {
  return kind === "unreachable" || kind === "busy" || kind === "timeout";
}

/** One machine's controller. Every call may throw a `BmcError`; none is retried inside. */
export interface Bmc {
  /** Reads the chassis power state (IPMI 2.0 §28.2). */
  powerState(signal?: AbortSignal): Promise<PowerState>;
  /** Asks for a change. Resolves when the BMC accepted it, not when it happened: read `powerState` to know. */
  power(action: PowerAction, signal?: AbortSignal): Promise<void>;
  /** Network boot at the next boot only, never persistent; `uefi` sets the EFI flag of the boot flags (IPMI 2.0 table 28-14). */
  bootPxeOnce(options: { readonly uefi: boolean }, signal?: AbortSignal): Promise<void>;
}

/** A secret that does not show itself: printing, logging or serialising it gives `***`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "***";
  }

  toJSON(): string {
    return "***";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "***";
  }
}
