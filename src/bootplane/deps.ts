// What the boot plane is given, and what it reports. No logic.

import type { Logger } from "pino";
import type { Assets } from "../boot/assets.ts";
import type { ClusterConfig } from "../boot/cluster-config.ts";
import type { BootPlan } from "../boot/decide.ts";
import type { ImageCache } from "../boot/image-cache.ts";
import type { KeyTools } from "../boot/installer-keys.ts";
import type { BootServer } from "../boot/machine-texts.ts";
import type { BootScripts } from "../boot/script.ts";
import type { Node } from "../inventory/schema.ts";
import type { Mac } from "../net/mac.ts";
import type { MachineReport } from "../nodes/machine-report.ts";
import type { DownloadOutcome } from "./download.ts";

/** `degraded`: it runs, and can't do all of its work. */
export type ServiceStatus = "running" | "degraded" | "stopped" | "failed";

export interface Services {
  readonly dhcp: ServiceStatus;
  readonly tftp: ServiceStatus;
  readonly http: ServiceStatus;
}

/** What a script reports when it does not go on: the fetch that failed, the start of the kernel, or that it leaves. */
const reportedStages = ["kernel", "initrd", "keys", "boot", "gave-up"] as const;

type ReportedStage = (typeof reportedStages)[number];

export function isReportedStage(text: unknown): text is ReportedStage {
  return reportedStages.some((stage) => stage === text);
}

export type BootPlaneEvent =
  /** The first script, by whoever has that address: iPXE runs there. */
  | { readonly kind: "boot-menu-served"; readonly client: string }
  | { readonly kind: "loader-served"; readonly client: string; readonly file: string }
  | {
      /** A machine fetched its script. It then boots as the plan says, unless it is switched off. */
      readonly kind: "boot-script-served";
      readonly mac: Mac;
      readonly client: string;
      readonly plan: BootPlan["kind"];
      readonly reason: string;
    }
  | { readonly kind: "cluster-config-served"; readonly mac: Mac; readonly client: string }
  | {
      /** `times`: how often for this install by now. A machine that restarts fetches them again. */
      readonly kind: "keys-served";
      readonly mac: Mac;
      readonly client: string;
      readonly times: number;
    }
  | {
      /** An alarm: somebody with the nonce and the address of the machine asked for its installer's keys after that was found. */
      readonly kind: "keys-refused";
      readonly mac: Mac;
      readonly client: string;
      readonly times: number;
      readonly reason: string;
    }
  | {
      /** Somebody asked in a machine's name for what it is not given. It got its own disk, or 404 without detail. */
      readonly kind: "boot-refused";
      readonly mac: Mac;
      readonly client: string;
      readonly asked: string;
      readonly reason: string;
    }
  | {
      readonly kind: "boot-reported";
      readonly mac: Mac;
      readonly client: string;
      readonly stage: ReportedStage;
      /** iPXE's error number. */
      readonly error?: string;
    }
  | {
      /**
       * A download of a kernel or an initrd is over. `bytes` is what was handed to the network: of a download that was cut,
       * up to half a mebibyte of it may not have left.
       */
      readonly kind: "image-served";
      readonly client: string;
      readonly profile: string;
      readonly file: string;
      readonly bytes: number;
      readonly milliseconds: number;
      readonly outcome: DownloadOutcome;
    }
  | {
      /** A client asked for an image that is damaged, and got nothing. Told once a minute for each client. */
      readonly kind: "image-refused";
      readonly client: string;
      readonly profile: string;
      readonly file: string;
      readonly reason: string;
    };

/** Who takes what the discovery image says. */
export interface DiscoveryIntake {
  /** Whether machines in no inventory boot it. */
  allowed(): boolean;
  /** The name of the declared node that has the serial number or the UUID of the machine that reports. */
  ownerOf(machine: MachineReport): string | undefined;
  /** Keeps a report, which came from `address`. */
  report(address: string, machine: MachineReport): void;
  /** Notes that the image waits there; false for a machine that has not reported. */
  waiting(mac: Mac): boolean;
}

export interface BootPlaneDeps extends KeyTools {
  readonly server: BootServer;
  readonly assets: Assets;
  readonly images: ImageCache;
  readonly scripts: BootScripts;
  /** A machine was given this script for that stage of its boot; the nonce in it is not shown. */
  readonly onServed: (node: Node, stage: string, script: string) => void;
  /** The public document of a node; undefined for a machine that has none now. */
  readonly clusterConfig: (mac: Mac) => ClusterConfig | undefined;
  readonly discovery: DiscoveryIntake;
  readonly services: () => Services;
  /** Octets per second that a client may be sent of an image; undefined for no limit. */
  readonly downloadRate: (client: string) => number | undefined;
  /** Why not all is well, though services may run. */
  readonly trouble: () => string | undefined;
  /** Whether the inventory's files as they were read last are not in force. */
  readonly isInventoryRefused: () => boolean;
  readonly onEvent: (event: BootPlaneEvent) => void;
  readonly logger: Logger;
}
