// How the simulated Redfish services of different makers differ: what each serves where, and its known deviations from the standard.

export interface Maker {
  /** Vendor of the service root; undefined where it says nothing. */
  readonly vendor: string | undefined;
  /** Name under Oem of the service root. */
  readonly oem: string | undefined;
  readonly systemId: string;
  readonly managerId: string;
  readonly chassisId: string;
  /** Links end with a slash. */
  readonly slash: boolean;
  readonly resetTypes: readonly string[];
  /** Where the reset types are said: with the action, in an ActionInfo resource, or nowhere. */
  readonly resetTypesIn: "action" | "info" | "nowhere";
  readonly bootIn: "system" | "settings";
  /** What a change without, or with, BootSourceOverrideMode does. */
  readonly mode: "kept" | "falls-back" | "read-only";
  readonly cdTargets: readonly string[];
  readonly lamp: "LocationIndicatorActive" | "IndicatorLED";
  readonly sensors: "thermal" | "collection";
  readonly expands: boolean;
  /** A change without If-Match is refused. */
  readonly needsIfMatch: boolean;
  readonly etagIn: "header" | "body" | "nowhere";
  readonly log: { readonly of: "system" | "manager"; readonly id: string };
  readonly media: { readonly of: "system" | "manager"; readonly by: "action" | "patch" };
}

export type MakerName = "plain" | "ami" | "dell" | "hpe" | "lenovo" | "supermicro";

const plain: Maker = {
  vendor: undefined,
  oem: undefined,
  systemId: "1",
  managerId: "bmc",
  chassisId: "1",
  slash: false,
  resetTypes: ["On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle"],
  resetTypesIn: "action",
  bootIn: "system",
  mode: "kept",
  cdTargets: ["Cd"],
  lamp: "LocationIndicatorActive",
  sensors: "thermal",
  expands: false,
  needsIfMatch: false,
  etagIn: "header",
  log: { of: "system", id: "EventLog" },
  media: { of: "manager", by: "action" },
};

export const makers: Readonly<Record<MakerName, Maker>> = {
  plain,
  ami: {
    ...plain,
    vendor: "ASRockRack",
    oem: "Ami",
    systemId: "Self",
    managerId: "Self",
    chassisId: "Self",
    resetTypesIn: "info",
    bootIn: "settings",
    lamp: "IndicatorLED",
    needsIfMatch: true,
    log: { of: "manager", id: "SEL" },
  },
  dell: {
    ...plain,
    vendor: "Dell",
    oem: "Dell",
    systemId: "System.Embedded.1",
    managerId: "iDRAC.Embedded.1",
    chassisId: "System.Embedded.1",
    expands: true,
    sensors: "collection",
    etagIn: "body",
    log: { of: "manager", id: "Sel" },
    media: { of: "system", by: "action" },
  },
  hpe: {
    ...plain,
    vendor: "HPE",
    oem: "Hpe",
    slash: true,
    resetTypes: ["On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "PushPowerButton"],
    mode: "read-only",
    lamp: "IndicatorLED",
    log: { of: "system", id: "IML" },
  },
  lenovo: {
    ...plain,
    vendor: "Lenovo",
    oem: "Lenovo",
    sensors: "collection",
    log: { of: "system", id: "StandardLog" },
    media: { of: "manager", by: "patch" },
  },
  supermicro: {
    ...plain,
    vendor: "Supermicro",
    oem: "Supermicro",
    resetTypesIn: "nowhere",
    mode: "falls-back",
    cdTargets: ["Cd", "UsbCd"],
    etagIn: "nowhere",
    log: { of: "system", id: "Log1" },
  },
};
