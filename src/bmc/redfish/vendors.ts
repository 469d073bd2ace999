// In what the BMCs of different makers differ from the standard and from each other. Data; whoever adds a maker adds a row.

export type VendorName = "standard" | "ami" | "dell" | "hpe" | "lenovo" | "supermicro";

export interface Vendor {
  readonly name: VendorName;
  /** Matches the names under Oem of its service root, Product, Vendor, or the system's Manufacturer. */
  readonly saysOfItself: RegExp;
  /** Where the boot override is written and read back: in the system, or in its settings resource ("FutureState"). */
  readonly bootIn: "system" | "settings";
  /** Whether BootSourceOverrideMode goes with each change. Some make it their default when it does not, some refuse it. */
  readonly sendsMode: boolean;
  /** What boots from the virtual CD, the first of these that is allowed. */
  readonly cdTargets: readonly string[];
  /** Id of the log that is its system event log, in small letters. */
  readonly eventLogs: readonly string[];
}

const standard: Vendor = {
  name: "standard",
  saysOfItself: /^$/,
  bootIn: "system",
  sendsMode: true,
  cdTargets: ["Cd", "UsbCd"],
  eventLogs: ["sel", "log1", "eventlog", "log"],
};

const vendors: readonly Vendor[] = [
  {
    // First: boards of other makers run this firmware and say both names.
    ...standard,
    name: "ami",
    saysOfItself: /\bami\b|american megatrends/i,
    // "Support of this operation … is moved to FutureState URI" (Redfish-Tacklebox issues 111 and 144), which wants If-Match.
    bootIn: "settings",
    eventLogs: ["sel", "eventlog"],
  },
  {
    ...standard,
    name: "dell",
    saysOfItself: /\bdell\b|idrac/i,
    // Lclog beside it is the audit log.
    eventLogs: ["sel"],
  },
  {
    ...standard,
    name: "hpe",
    saysOfItself: /\bhpe?\b|hewlett|\bilo\b/i,
    // BootSourceOverrideMode is read-only in iLO: HTTP 400 for the whole change (ansible community.general 3509).
    sendsMode: false,
    eventLogs: ["iml"],
  },
  {
    ...standard,
    name: "supermicro",
    saysOfItself: /supermicro|\bsmci\b/i,
    // The mode falls back to its default unless it is sent again (Redfishtool pull request 106).
    sendsMode: true,
    // X11 and X12 show virtual media as a USB CD (openstack sushy, system.py).
    cdTargets: ["UsbCd", "Cd"],
    eventLogs: ["log1"],
  },
  {
    ...standard,
    name: "lenovo",
    saysOfItself: /lenovo/i,
    eventLogs: ["platformlog", "standardlog", "activelog", "sel"],
  },
  standard,
];

/** The row of a maker by what its BMC says of itself, in the order of how sure it is; the standard's own row for the rest. */
export function vendorOf(said: readonly (string | null | undefined)[]): Vendor {
  for (const words of said) {
    const found = vendors.find(({ saysOfItself }) => words && saysOfItself.test(words));
    if (found !== undefined) return found;
  }
  return standard;
}

export function vendorNamed(name: VendorName): Vendor {
  return vendors.find((vendor) => vendor.name === name) ?? standard;
}
