// What the numbers in an event record mean in words (IPMI 2.0 tables 42-1 to 42-3). Data; the more common ones.

import type { LogEntry } from "../bmc.ts";

export interface EventFacts {
  readonly sensorType: number;
  readonly sensorNumber: number;
  /** False: the condition is over. */
  readonly asserted: boolean;
  /** 01h: a threshold; 6Fh: specific to the sensor type; others are generic. */
  readonly eventType: number;
  /** Three octets; the low half of the first is the offset. */
  readonly data: Buffer;
}

type Severity = LogEntry["severity"];
type Offsets = readonly (readonly [string, Severity] | undefined)[];

const sensorTypes = new Map([
  [0x01, "temperature"],
  [0x02, "voltage"],
  [0x03, "current"],
  [0x04, "fan"],
  [0x05, "physical security"],
  [0x07, "processor"],
  [0x08, "power supply"],
  [0x09, "power unit"],
  [0x0c, "memory"],
  [0x0d, "drive bay"],
  [0x0f, "system firmware"],
  [0x10, "event logging"],
  [0x12, "system event"],
  [0x13, "critical interrupt"],
  [0x14, "button"],
  [0x19, "chipset"],
  [0x1d, "system boot"],
  [0x1e, "boot error"],
  [0x1f, "operating system boot"],
  [0x20, "operating system stop"],
  [0x21, "slot"],
  [0x22, "ACPI power state"],
  [0x23, "watchdog"],
  [0x28, "management subsystem"],
  [0x29, "battery"],
]);

const thresholds: Offsets = [
  ["below the lower non-critical threshold", "warning"],
  ["below the lower non-critical threshold", "warning"],
  ["below the lower critical threshold", "critical"],
  ["below the lower critical threshold", "critical"],
  ["below the lower non-recoverable threshold", "critical"],
  ["below the lower non-recoverable threshold", "critical"],
  ["above the upper non-critical threshold", "warning"],
  ["above the upper non-critical threshold", "warning"],
  ["above the upper critical threshold", "critical"],
  ["above the upper critical threshold", "critical"],
  ["above the upper non-recoverable threshold", "critical"],
  ["above the upper non-recoverable threshold", "critical"],
];

// Generic event type 07h (table 42-2).
const severities: Offsets = [
  ["all right", "ok"],
  ["non-critical", "warning"],
  ["critical", "critical"],
  ["non-recoverable", "critical"],
  ["non-critical, from worse", "warning"],
  ["critical, from non-recoverable", "critical"],
  ["non-recoverable", "critical"],
  ["to be watched", "ok"],
  ["for information", "ok"],
];

const specific = new Map<number, Offsets>([
  [
    0x05,
    [
      ["the chassis was opened", "warning"],
      ["a drive bay was opened", "warning"],
    ],
  ],
  [
    0x07,
    [
      ["internal error", "critical"],
      ["thermal trip", "critical"],
      ["self-test failed", "critical"],
      ["hung in the self-test", "critical"],
      undefined,
      ["configuration error", "critical"],
      ["uncorrectable error", "critical"],
      ["present", "ok"],
      ["disabled", "warning"],
      ["terminator present", "ok"],
      ["throttled", "warning"],
      ["uncorrectable machine check", "critical"],
      ["correctable machine check", "warning"],
    ],
  ],
  [
    0x08,
    [
      ["present", "ok"],
      ["failed", "critical"],
      ["about to fail", "warning"],
      ["its input is lost", "critical"],
      ["its input is lost or out of range", "critical"],
      ["its input is out of range", "warning"],
      ["configuration error", "warning"],
    ],
  ],
  [
    0x09,
    [
      ["off", "ok"],
      ["power cycle", "ok"],
      ["240 VA off", "warning"],
      ["interlock off", "warning"],
      ["power was lost", "critical"],
      ["soft power control failed", "critical"],
      ["failed", "critical"],
      ["about to fail", "warning"],
    ],
  ],
  [
    0x0c,
    [
      ["correctable error", "warning"],
      ["uncorrectable error", "critical"],
      ["parity error", "critical"],
      ["scrub failed", "critical"],
      ["disabled", "warning"],
      ["limit of correctable errors reached", "critical"],
      ["present", "ok"],
      ["configuration error", "warning"],
      ["spare in use", "warning"],
      ["throttled", "warning"],
      ["critical over-temperature", "critical"],
    ],
  ],
  [
    0x0d,
    [
      ["drive present", "ok"],
      ["drive failed", "critical"],
      ["drive about to fail", "warning"],
      ["hot spare", "ok"],
      ["consistency check", "ok"],
      ["in a critical array", "critical"],
      ["in a failed array", "critical"],
      ["rebuild", "ok"],
      ["rebuild ended early", "warning"],
    ],
  ],
  [
    0x0f,
    [
      ["error in the self-test", "critical"],
      ["hung", "critical"],
      ["progress", "ok"],
    ],
  ],
  [
    0x10,
    [
      ["correctable memory errors are no longer logged", "warning"],
      ["events of this kind are no longer logged", "warning"],
      ["the log was cleared", "ok"],
      ["nothing is logged any more", "warning"],
      ["the log is full", "warning"],
      ["the log is nearly full", "warning"],
    ],
  ],
  [
    0x12,
    [
      ["reconfigured", "ok"],
      ["started by the manufacturer", "ok"],
      ["undetermined hardware failure", "critical"],
    ],
  ],
  [
    0x13,
    [
      ["front panel NMI", "critical"],
      ["bus time-out", "critical"],
      ["I/O channel check NMI", "critical"],
      ["software NMI", "critical"],
      ["PCI parity error", "critical"],
      ["PCI system error", "critical"],
      undefined,
      ["bus correctable error", "warning"],
      ["bus uncorrectable error", "critical"],
      ["fatal NMI", "critical"],
      ["bus fatal error", "critical"],
      ["bus degraded", "warning"],
    ],
  ],
  [
    0x14,
    [
      ["power button", "ok"],
      ["sleep button", "ok"],
      ["reset button", "ok"],
    ],
  ],
  [
    0x1e,
    [
      ["no bootable medium", "critical"],
      ["no diskette", "warning"],
      ["no PXE server found", "critical"],
      ["invalid boot sector", "critical"],
      ["time-out at the boot menu", "warning"],
    ],
  ],
  [
    0x20,
    [
      ["stopped while it started", "critical"],
      ["stopped while it ran", "critical"],
      ["shut down in an orderly way", "ok"],
      ["shut down by software", "ok"],
      ["shut down by the platform", "ok"],
    ],
  ],
  [
    0x23,
    [
      ["expired", "warning"],
      ["hard reset", "critical"],
      ["power down", "critical"],
      ["power cycle", "critical"],
    ],
  ],
  [
    0x29,
    [
      ["low", "warning"],
      ["failed", "critical"],
      ["present", "ok"],
    ],
  ],
]);

const generic = new Map([
  [0x01, thresholds],
  [0x07, severities],
]);

/** The event in one line, and how bad it is. A condition that is over is no longer bad. */
export function describeEvent(facts: EventFacts): Pick<LogEntry, "severity" | "message"> {
  const { sensorType, sensorNumber, eventType, asserted, data } = facts;
  const offset = data.readUInt8(0) & 0x0f;
  const table = eventType === 0x6f ? specific.get(sensorType) : generic.get(eventType);
  const known = table?.[offset];
  const sensor = `${sensorTypes.get(sensorType) ?? `sensor type ${hex(sensorType)}`} ${hex(sensorNumber)}`;
  const [said, severity] = known ?? [
    `event ${hex(eventType)} offset ${offset} data ${data.toString("hex")}`,
    "warning" as const,
  ];
  return asserted
    ? { severity, message: `${sensor}: ${said}` }
    : { severity: "ok", message: `${sensor}: no longer ${said}` };
}

function hex(value: number): string {
  return `${value.toString(16).padStart(2, "0")}h`;
}
