// What the API says and takes about BMCs themselves.

import { z } from "zod";

const text = z.string();

export const probeBody = z.strictObject({
  /** A node, or a network: the declared BMCs in it. */
  target: z.string().min(1).max(253),
  /** Also try well-known passwords, at most three, and whether cipher suite 0 opens a session. */
  tryDefaults: z.boolean().default(false),
});
export const identifyBody = z.strictObject({ seconds: z.int().min(0).max(255) });
// The longest that any BMC takes is shorter; which it is, the BMC says itself.
export const passwordBody = z.strictObject({ password: z.string().min(1).max(128) });

export const bootBody = z.strictObject({
  device: z.enum(["none", "pxe", "disk", "cdrom", "bios"]),
  persistent: z.boolean().default(false),
  /** Absent: as the inventory says of the machine's firmware. */
  uefi: z.boolean().optional(),
});
/** null: nothing is in the drive. */
export const mediaBody = z.strictObject({ image: z.url({ protocol: /^https?$/ }).nullable() });

const descriptionShape = z.object({
  protocol: text,
  manufacturer: text.optional(),
  model: text.optional(),
  serial: text.optional(),
  firmware: text.optional(),
  uuid: text.optional(),
});

const probeShape = z.object({
  node: text,
  address: text,
  reachable: z.boolean(),
  ipmi: z
    .object({
      ipmi20: z.boolean(),
      needsBmcKey: z.boolean(),
      anonymousLogin: z.boolean(),
      nullUser: z.boolean(),
      noneAccepted: z.boolean(),
    })
    .optional(),
  suites: z.array(z.int()).readonly().optional(),
  opensWithoutPassword: z.boolean().optional(),
  login: z.object({ user: text, works: z.boolean(), reason: text.optional() }),
  description: descriptionShape.optional(),
  verbs: z.array(z.object({ verb: text, works: z.boolean(), reason: text.optional() })).readonly(),
  defaults: z.array(z.object({ user: text, works: z.boolean() })).readonly(),
  redfish: z
    .object({ fingerprint: text, version: text.optional(), product: text.optional() })
    .optional(),
  warnings: z.array(text).readonly(),
});

const sensorShape = z.object({
  name: text,
  value: z.number().optional(),
  unit: text,
  health: z.enum(["ok", "warning", "critical", "unknown"]),
});

const logEntryShape = z.object({
  id: text,
  time: text.optional(),
  severity: z.enum(["ok", "warning", "critical"]),
  message: text,
});

export const probesAnswer = z.object({ probes: z.array(probeShape).readonly() });
export const bmcShape = z.object({
  node: text,
  address: text,
  description: descriptionShape,
  firmware: z.array(z.object({ name: text, version: text })).readonly(),
});
export const sensorsAnswer = z.object({ sensors: z.array(sensorShape).readonly() });
export const bmcEventsAnswer = z.object({ events: z.array(logEntryShape).readonly() });
export const bootAnswer = z.object({
  node: text,
  device: z.enum(["none", "pxe", "disk", "cdrom", "bios", "other"]),
  persistent: z.boolean(),
  uefi: z.boolean(),
});
export const mediaAnswer = z.object({ node: text, image: text.nullable() });
export const bmcDone = z.object({ node: text });
export const passwordChanged = z.object({
  node: text,
  user: text,
  /** Where the server reads the password from: it must be written there too. */
  reference: text,
});

export type BootRequest = z.output<typeof bootBody>;
export type ProbeRequest = z.output<typeof probeBody>;
export type ProbeView = z.output<typeof probeShape>;
export type BmcView = z.output<typeof bmcShape>;
export type PasswordChanged = z.output<typeof passwordChanged>;
