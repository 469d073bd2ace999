// What a simulated Redfish service shows of its machine, resource by resource (DSP0268), as its maker lays it out.

import type { SimulatedMachine, SimulatedSensor } from "./machine.ts";
import type { Body } from "./redfish-answer.ts";
import type { Maker } from "./redfish-makers.ts";
import { sessionsPath } from "./redfish-sessions.ts";

export const rootPath = "/redfish/v1";

/** Paths without trailing slash; links have one where the maker wants it. */
export interface Paths {
  readonly system: string;
  readonly settings: string;
  readonly manager: string;
  readonly chassis: string;
  readonly log: string;
  readonly drive: string;
  readonly accounts: string;
  readonly firmware: string;
  link(path: string): Body;
}

export function pathsOf(maker: Maker): Paths {
  const system = `${rootPath}/Systems/${maker.systemId}`;
  const manager = `${rootPath}/Managers/${maker.managerId}`;
  const of = { system, manager };
  return {
    system,
    manager,
    settings: `${system}/SD`,
    chassis: `${rootPath}/Chassis/${maker.chassisId}`,
    log: `${of[maker.log.of]}/LogServices/${maker.log.id}`,
    drive: `${of[maker.media.of]}/VirtualMedia/1`,
    accounts: `${rootPath}/AccountService/Accounts`,
    firmware: `${rootPath}/UpdateService/FirmwareInventory`,
    link: (path) => ({ "@odata.id": maker.slash ? `${path}/` : path }),
  };
}

export function rootBody({ vendor, oem, expands }: Maker, { link }: Paths, uuid: string): Body {
  return {
    Id: "RootService",
    Name: "Root Service",
    RedfishVersion: "1.11.0",
    UUID: uuid,
    ...(vendor === undefined ? {} : { Vendor: vendor }),
    ...(oem === undefined ? {} : { Oem: { [oem]: {} } }),
    ...(expands ? { ProtocolFeaturesSupported: { ExpandQuery: { NoLinks: true } } } : {}),
    Systems: link(`${rootPath}/Systems`),
    Managers: link(`${rootPath}/Managers`),
    Chassis: link(`${rootPath}/Chassis`),
    AccountService: link(`${rootPath}/AccountService`),
    SessionService: link(`${rootPath}/SessionService`),
    UpdateService: link(`${rootPath}/UpdateService`),
    Links: { Sessions: link(sessionsPath) },
  };
}

const targetOf = { none: "None", pxe: "Pxe", disk: "Hdd", cdrom: "Cd", bios: "BiosSetup" } as const;

/** The Boot property: with what may be written into it where it can be. */
export function bootBody({ boot }: SimulatedMachine, { cdTargets }: Maker): Body {
  const enabled = boot.persistent ? "Continuous" : "Once";
  return {
    BootSourceOverrideEnabled: boot.device === "none" ? "Disabled" : enabled,
    "BootSourceOverrideEnabled@Redfish.AllowableValues": ["Disabled", "Once", "Continuous"],
    BootSourceOverrideTarget: boot.device === "cdrom" ? cdTargets.at(-1) : targetOf[boot.device],
    "BootSourceOverrideTarget@Redfish.AllowableValues": [
      "None",
      "Pxe",
      "Hdd",
      ...cdTargets,
      "BiosSetup",
    ],
    BootSourceOverrideMode: boot.uefi ? "UEFI" : "Legacy",
    "BootSourceOverrideMode@Redfish.AllowableValues": ["Legacy", "UEFI"],
  };
}

export function systemBody(
  machine: SimulatedMachine,
  maker: Maker,
  paths: Paths,
  powerState: "On" | "Off",
  nowMs: number,
): Body {
  const { description } = machine;
  const { link, system } = paths;
  const lit = machine.identifyUntilMs > nowMs;
  const target = `${system}/Actions/ComputerSystem.Reset`;
  return {
    Id: maker.systemId,
    Name: "System",
    UUID: description.uuid.toUpperCase(),
    Manufacturer: description.manufacturer,
    Model: description.model,
    SerialNumber: description.serial,
    BiosVersion: description.biosFirmware,
    PowerState: powerState,
    Status: { State: "Enabled", Health: "OK" },
    ...(maker.lamp === "IndicatorLED"
      ? { IndicatorLED: lit ? "Blinking" : "Off" }
      : { LocationIndicatorActive: lit }),
    Boot: maker.bootIn === "system" ? bootBody(machine, maker) : {},
    ...(maker.bootIn === "settings"
      ? { "@Redfish.Settings": { SettingsObject: link(paths.settings) } }
      : {}),
    ...(maker.log.of === "system" ? { LogServices: link(`${system}/LogServices`) } : {}),
    ...(maker.media.of === "system" ? { VirtualMedia: link(`${system}/VirtualMedia`) } : {}),
    Links: { ManagedBy: [link(paths.manager)], Chassis: [link(paths.chassis)] },
    Actions: {
      "#ComputerSystem.Reset": {
        target,
        ...(maker.resetTypesIn === "action"
          ? { "ResetType@Redfish.AllowableValues": maker.resetTypes }
          : {}),
        ...(maker.resetTypesIn === "info"
          ? { "@Redfish.ActionInfo": `${system}/ResetActionInfo` }
          : {}),
      },
    },
  };
}

export function managerBody(
  { description }: SimulatedMachine,
  maker: Maker,
  { link, manager }: Paths,
): Body {
  return {
    Id: maker.managerId,
    Name: "Manager",
    ManagerType: "BMC",
    FirmwareVersion: description.bmcFirmware,
    SerialConsole: { ServiceEnabled: true, ConnectTypesSupported: ["SSH", "IPMI"] },
    ...(maker.log.of === "manager" ? { LogServices: link(`${manager}/LogServices`) } : {}),
    ...(maker.media.of === "manager" ? { VirtualMedia: link(`${manager}/VirtualMedia`) } : {}),
  };
}

const statusOf = ({ value, criticalAbove }: SimulatedSensor) => ({
  State: "Enabled",
  Health: value > criticalAbove ? "Critical" : "OK",
});

export function thermalBody({ sensors }: SimulatedMachine): Body {
  const of = (kind: SimulatedSensor["kind"]) => sensors.filter((sensor) => sensor.kind === kind);
  return {
    Temperatures: of("temperature").map((sensor, index) => ({
      MemberId: `${index}`,
      Name: sensor.name,
      ReadingCelsius: sensor.value,
      Status: statusOf(sensor),
    })),
    Fans: of("fan").map((sensor, index) => ({
      MemberId: `${index}`,
      Name: sensor.name,
      Reading: sensor.value,
      ReadingUnits: "RPM",
      Status: statusOf(sensor),
    })),
  };
}

export function powerBody({ sensors }: SimulatedMachine): Body {
  const of = (kind: SimulatedSensor["kind"]) => sensors.filter((sensor) => sensor.kind === kind);
  return {
    Voltages: of("voltage").map((sensor, index) => ({
      MemberId: `${index}`,
      Name: sensor.name,
      ReadingVolts: sensor.value,
      Status: statusOf(sensor),
    })),
    PowerControl: of("power").map((sensor, index) => ({
      MemberId: `${index}`,
      Name: sensor.name,
      PowerConsumedWatts: sensor.value,
      Status: statusOf(sensor),
    })),
  };
}

const unitOf = { temperature: "Cel", fan: "RPM", voltage: "V", power: "W" } as const;

export function sensorBody(sensor: SimulatedSensor): Body {
  const { name, kind, value } = sensor;
  return { Name: name, Reading: value, ReadingUnits: unitOf[kind], Status: statusOf(sensor) };
}

export function driveBody(
  { media }: SimulatedMachine,
  { media: { by } }: Maker,
  drive: string,
): Body {
  const action = (name: string) => ({ target: `${drive}/Actions/VirtualMedia.${name}` });
  return {
    Id: "1",
    Name: "Virtual CD",
    MediaTypes: ["CD", "DVD"],
    Image: media ?? null,
    Inserted: media !== undefined,
    ...(by === "patch"
      ? {}
      : {
          Actions: {
            "#VirtualMedia.InsertMedia": action("InsertMedia"),
            "#VirtualMedia.EjectMedia": action("EjectMedia"),
          },
        }),
  };
}

const severities = { ok: "OK", warning: "Warning", critical: "Critical" } as const;

export function logEntryBody({
  id,
  timeMs,
  severity,
  message,
}: SimulatedMachine["log"][number]): Body {
  return {
    Id: `${id}`,
    Name: `Entry ${id}`,
    EntryType: "SEL",
    Created: new Date(timeMs).toISOString(),
    Severity: severities[severity],
    Message: message,
  };
}
