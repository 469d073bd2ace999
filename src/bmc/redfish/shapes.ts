// The parts of Redfish resources that are read here (DSP0268), as tolerant as firmware is careless: a property of the wrong type
// counts as absent, except where nothing can be done without it.

import { z } from "zod";

const text = z.string().nullish().catch(undefined);
const number = z.number().nullish().catch(undefined);
const texts = z.array(z.string()).nullish().catch(undefined);
const flag = z.boolean().nullish().catch(undefined);

const link = z.object({ "@odata.id": z.string() });
const someLink = link.nullish().catch(undefined);
const links = z.array(link).nullish().catch(undefined);
export type Link = z.output<typeof link>;

const status = z.object({ State: text, Health: text }).nullish().catch(undefined);

export const root = z.object({
  RedfishVersion: text,
  Vendor: text,
  Product: text,
  Oem: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  Systems: link,
  Managers: someLink,
  Chassis: someLink,
  AccountService: someLink,
  UpdateService: someLink,
  ProtocolFeaturesSupported: z
    .object({ ExpandQuery: z.object({ NoLinks: flag }).nullish().catch(undefined) })
    .nullish()
    .catch(undefined),
});

/** What is read of the root before anybody has logged in. */
export const openRoot = z.object({
  Links: z.object({ Sessions: someLink }).nullish().catch(undefined),
});

export const collection = z.object({
  Members: z.array(z.looseObject({ "@odata.id": text })),
  "Members@odata.nextLink": text,
});

const action = z
  .object({
    target: z.string(),
    "ResetType@Redfish.AllowableValues": texts,
    "@Redfish.ActionInfo": text,
  })
  .nullish()
  .catch(undefined);

export const actionInfo = z.object({
  Parameters: z.array(z.object({ Name: text, AllowableValues: texts })),
});

export const boot = z.object({
  BootSourceOverrideEnabled: text,
  BootSourceOverrideTarget: text,
  BootSourceOverrideMode: text,
  "BootSourceOverrideEnabled@Redfish.AllowableValues": texts,
  "BootSourceOverrideTarget@Redfish.AllowableValues": texts,
  "BootSourceOverrideMode@Redfish.AllowableValues": texts,
});
export type Boot = z.output<typeof boot>;

export const system = z.object({
  PowerState: text,
  UUID: text,
  Manufacturer: text,
  Model: text,
  SerialNumber: text,
  IndicatorLED: text,
  LocationIndicatorActive: flag,
  Boot: boot.nullish().catch(undefined),
  SerialConsole: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  LogServices: someLink,
  VirtualMedia: someLink,
  Links: z.object({ ManagedBy: links, Chassis: links }).nullish().catch(undefined),
  Actions: z.object({ "#ComputerSystem.Reset": action }).nullish().catch(undefined),
  "@Redfish.Settings": z.object({ SettingsObject: someLink }).nullish().catch(undefined),
});
export type System = z.output<typeof system>;

/** The settings resource of a system: what it will be after the next start. */
export const systemSettings = z.object({ Boot: boot.nullish().catch(undefined) });

export const manager = z.object({
  FirmwareVersion: text,
  Model: text,
  SerialConsole: z
    .object({ ServiceEnabled: flag, ConnectTypesSupported: texts })
    .nullish()
    .catch(undefined),
  LogServices: someLink,
  VirtualMedia: someLink,
});

export const chassis = z.object({ Thermal: someLink, Power: someLink, Sensors: someLink });

const reading = { Name: text, MemberId: text, Status: status };
export const thermal = z.object({
  Temperatures: z
    .array(z.object({ ...reading, ReadingCelsius: number }))
    .nullish()
    .catch(undefined),
  Fans: z
    .array(z.object({ ...reading, FanName: text, Reading: number, ReadingUnits: text }))
    .nullish()
    .catch(undefined),
});
export type Thermal = z.output<typeof thermal>;
export const power = z.object({
  Voltages: z
    .array(z.object({ ...reading, ReadingVolts: number }))
    .nullish()
    .catch(undefined),
  PowerControl: z
    .array(z.object({ ...reading, PowerConsumedWatts: number }))
    .nullish()
    .catch(undefined),
});
export type Power = z.output<typeof power>;
export const sensor = z.object({
  Id: text,
  Name: text,
  Reading: number,
  ReadingUnits: text,
  Status: status,
});
export type Sensor = z.output<typeof sensor>;

export const logService = z.object({
  Id: text,
  LogEntryType: text,
  Entries: someLink,
  Actions: z.object({ "#LogService.ClearLog": action }).nullish().catch(undefined),
});
export const logEntry = z.object({ Id: text, Created: text, Severity: text, Message: text });
export type Entry = z.output<typeof logEntry>;

export const accountService = z.object({ Accounts: link });
export const account = z.object({ UserName: text });

export const updateService = z.object({ FirmwareInventory: link });
export const firmware = z.object({ Id: text, Name: text, Version: text });

export const virtualMedia = z.object({
  MediaTypes: texts,
  Image: text,
  Inserted: flag,
  Actions: z
    .object({ "#VirtualMedia.InsertMedia": action, "#VirtualMedia.EjectMedia": action })
    .nullish()
    .catch(undefined),
});
export type Media = z.output<typeof virtualMedia>;
