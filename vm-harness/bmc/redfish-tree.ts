// Every resource of a simulated Redfish service by its path: what it shows, and what may be done to it.

import type { PowerAction } from "../../src/bmc/bmc.ts";
import type { SimulatedMachine } from "./machine.ts";
import { type Answer, type Body, done, objectOf } from "./redfish-answer.ts";
import type { Maker } from "./redfish-makers.ts";
import {
  bootBody,
  driveBody,
  logEntryBody,
  managerBody,
  type Paths,
  powerBody,
  rootBody,
  rootPath,
  sensorBody,
  systemBody,
  thermalBody,
} from "./redfish-resources.ts";
import { type Sessions, sessionsPath } from "./redfish-sessions.ts";
import { resetAction, writeBoot, writeLamp, writeMedia, writePassword } from "./redfish-writes.ts";

export interface Resource {
  read?(): Body;
  /** Paths of the members; with their content where the collection always has it. */
  members?(): readonly Member[];
  patch?(body: Body): Answer;
  post?(body: unknown): Answer | Promise<Answer>;
}

export interface Member {
  readonly path: string;
  readonly body?: Body;
}

/** The machine as the service shows it, lies included. */
export interface Shown {
  readonly machine: SimulatedMachine;
  readonly maker: Maker;
  readonly paths: Paths;
  readonly sessions: Sessions;
  powerState(): "On" | "Off";
  reset(action: PowerAction): Promise<Answer>;
  forgetsBoot(): boolean;
  now(): number;
}

export function createTree(shown: Shown): ReadonlyMap<string, Resource> {
  return new Map<string, Resource>([
    ...systemResources(shown),
    ...mediaAndLog(shown),
    ...chassisResources(shown),
    ...services(shown),
  ]);
}

type Entries = readonly (readonly [string, Resource])[];

const only = (path: string): Resource => ({ members: () => [{ path }] });

function systemResources(shown: Shown): Entries {
  const { machine, maker, paths } = shown;
  const write = (where: "system" | "settings", body: Body): Answer => {
    if (body["Boot"] === undefined) return writeLamp(machine, maker, body, shown.now());
    if (where === maker.bootIn)
      return writeBoot(machine, maker, objectOf(body["Boot"]), shown.forgetsBoot());
    const id = "Ami.1.0.OperationSupportedInFutureStateURI";
    const words = "Support of this operation for Boot Properties is moved to FutureState URI";
    return { status: 400, body: { error: { code: id, message: words } } };
  };
  const parameter = { Name: "ResetType", AllowableValues: maker.resetTypes };
  return [
    [rootPath, { read: () => rootBody(maker, paths, machine.description.uuid) }],
    [`${rootPath}/Systems`, only(paths.system)],
    [
      paths.system,
      {
        read: () => systemBody(machine, maker, paths, shown.powerState(), shown.now()),
        patch: (body) => write("system", body),
      },
    ],
    [
      paths.settings,
      {
        read: () => ({ Id: "SD", Name: "FutureState", Boot: bootBody(machine, maker) }),
        patch: (body) => write("settings", body),
      },
    ],
    [`${paths.system}/ResetActionInfo`, { read: () => ({ Id: "Reset", Parameters: [parameter] }) }],
    [
      `${paths.system}/Actions/ComputerSystem.Reset`,
      {
        post: async (body) => {
          const action = resetAction(maker, body);
          return typeof action === "string" ? await shown.reset(action) : action;
        },
      },
    ],
    [`${rootPath}/Managers`, only(paths.manager)],
    [paths.manager, { read: () => managerBody(machine, maker, paths) }],
  ];
}

function mediaAndLog({ machine, maker, paths }: Shown): Entries {
  const { log, drive, link } = paths;
  const clear = `${log}/Actions/LogService.ClearLog`;
  const logBody = () => ({
    Id: maker.log.id,
    Name: "Log",
    Entries: link(`${log}/Entries`),
    Actions: { "#LogService.ClearLog": { target: clear } },
  });
  const entries = () =>
    machine.log.map((entry) => ({ path: `${log}/Entries/${entry.id}`, body: logEntryBody(entry) }));
  return [
    [parent(log), only(log)],
    [log, { read: logBody }],
    [`${log}/Entries`, { members: entries }],
    [
      clear,
      {
        post: () => {
          machine.log.length = 0;
          return done;
        },
      },
    ],
    [parent(drive), only(drive)],
    [
      drive,
      {
        read: () => driveBody(machine, maker, drive),
        ...(maker.media.by === "patch" ? { patch: (body: Body) => writeMedia(machine, body) } : {}),
      },
    ],
    [`${drive}/Actions/VirtualMedia.InsertMedia`, { post: (body) => writeMedia(machine, body) }],
    [
      `${drive}/Actions/VirtualMedia.EjectMedia`,
      { post: () => writeMedia(machine, { Image: null }) },
    ],
  ];
}

function chassisResources({ machine, maker, paths: { chassis, link } }: Shown): Entries {
  const sensorPath = (index: number) => `${chassis}/Sensors/${index}`;
  const body = () => ({
    Id: maker.chassisId,
    Name: "Chassis",
    ...(maker.sensors === "collection"
      ? { Sensors: link(`${chassis}/Sensors`) }
      : { Thermal: link(`${chassis}/Thermal`), Power: link(`${chassis}/Power`) }),
  });
  return [
    [`${rootPath}/Chassis`, only(chassis)],
    [chassis, { read: body }],
    [`${chassis}/Thermal`, { read: () => thermalBody(machine) }],
    [`${chassis}/Power`, { read: () => powerBody(machine) }],
    [
      `${chassis}/Sensors`,
      { members: () => machine.sensors.map((_, index) => ({ path: sensorPath(index) })) },
    ],
    ...machine.sensors.map(
      (sensor, index) => [sensorPath(index), { read: () => sensorBody(sensor) }] as const,
    ),
  ];
}

function services({ machine, sessions, paths: { accounts, firmware, link } }: Shown): Entries {
  const { bmcFirmware, biosFirmware } = machine.description;
  const versions = { BMC: bmcFirmware, BIOS: biosFirmware };
  const sessionMembers = () => sessions.ids().map((id) => ({ path: `${sessionsPath}/${id}` }));
  return [
    [parent(accounts), { read: () => ({ Id: "AccountService", Accounts: link(accounts) }) }],
    [accounts, { members: () => machine.users.map(({ id }) => ({ path: `${accounts}/${id}` })) }],
    ...machine.users.map(
      (user) =>
        [
          `${accounts}/${user.id}`,
          {
            read: () => ({
              Id: `${user.id}`,
              UserName: user.name,
              Password: null,
              Enabled: true,
              RoleId: user.administrator ? "Administrator" : "ReadOnly",
            }),
            patch: (body: Body) => writePassword(user, body),
          },
        ] as const,
    ),
    [
      parent(sessionsPath),
      { read: () => ({ Id: "SessionService", Sessions: link(sessionsPath) }) },
    ],
    [sessionsPath, { members: sessionMembers }],
    [
      parent(firmware),
      { read: () => ({ Id: "UpdateService", Actions: {}, FirmwareInventory: link(firmware) }) },
    ],
    [
      firmware,
      { members: () => Object.keys(versions).map((name) => ({ path: `${firmware}/${name}` })) },
    ],
    ...Object.entries(versions).map(
      ([name, version]) =>
        [
          `${firmware}/${name}`,
          { read: () => ({ Id: name, Name: name, Version: version }) },
        ] as const,
    ),
  ];
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
