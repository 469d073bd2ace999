// What the boot plane is given, and what it reports. No logic.

import type { Logger } from "pino";
import type { Assets } from "../boot/assets.ts";
import type { ClusterConfig } from "../boot/cluster-config.ts";
import type { Subject } from "../boot/decide.ts";
import type { BootScripts, BootServer } from "../boot/script.ts";
import type { Mac } from "../net/mac.ts";

/** `degraded`: it runs, and can't do all of its work. */
export type ServiceStatus = "running" | "degraded" | "stopped" | "failed";

export interface Services {
  readonly dhcp: ServiceStatus;
  readonly tftp: ServiceStatus;
  readonly http: ServiceStatus;
}

export type BootPlaneEvent =
  | {
      /** A machine fetched its script. It then boots as the plan says, unless it is switched off. */
      readonly kind: "boot-script-served";
      readonly mac: Mac;
      readonly client: string;
      readonly plan: "installer" | "local-disk";
      readonly reason: string;
    }
  | { readonly kind: "cluster-config-served"; readonly mac: Mac; readonly client: string }
  | {
      /** A download of a kernel or an initrd is over. `bytes` is what was handed to the network. */
      readonly kind: "image-served";
      readonly client: string;
      readonly profile: string;
      readonly file: string;
      readonly bytes: number;
      readonly milliseconds: number;
      readonly outcome: "complete" | "cut";
    };

export interface BootPlaneDeps {
  readonly server: BootServer;
  readonly assets: Assets;
  readonly scripts: BootScripts;
  /** What is known about the machine with that MAC. */
  readonly subject: (mac: Mac) => Subject;
  /** The public keys that may log in to the installer, as an authorized_keys text. */
  readonly authorizedKeys: () => string;
  /** The public document of a node; undefined for a machine that has none now. */
  readonly clusterConfig: (mac: Mac) => ClusterConfig | undefined;
  readonly services: () => Services;
  /** Why a service is degraded. */
  readonly trouble: () => string | undefined;
  readonly onEvent: (event: BootPlaneEvent) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
}
