// What the boot plane is given, and what it reports. No logic.

import type { Logger } from "pino";
import type { Assets } from "../boot/assets.ts";
import type { ClusterConfig } from "../boot/cluster-config.ts";
import type { Subject } from "../boot/decide.ts";
import type { ImageCache } from "../boot/image-cache.ts";
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
      /**
       * A download of a kernel or an initrd is over. `bytes` is what was handed to the network: of a download that was cut,
       * up to one slice (4 MiB) of it may not have left.
       */
      readonly kind: "image-served";
      readonly client: string;
      readonly profile: string;
      readonly file: string;
      readonly bytes: number;
      readonly milliseconds: number;
      readonly outcome: "complete" | "cut";
    }
  | {
      /** A client asked for an image that is damaged, and got nothing. Told once a minute for each client. */
      readonly kind: "image-refused";
      readonly client: string;
      readonly profile: string;
      readonly file: string;
      readonly reason: string;
    };

export interface BootPlaneDeps {
  readonly server: BootServer;
  readonly assets: Assets;
  readonly images: ImageCache;
  readonly scripts: BootScripts;
  /** What is known about the machine with that MAC. */
  readonly subject: (mac: Mac) => Subject;
  /** The public keys that may log in to the installer, as an authorized_keys text. */
  readonly authorizedKeys: () => string;
  /** The public document of a node; undefined for a machine that has none now. */
  readonly clusterConfig: (mac: Mac) => ClusterConfig | undefined;
  readonly services: () => Services;
  /** Octets per second that a client may be sent of an image; undefined for no limit. */
  readonly downloadRate: (client: string) => number | undefined;
  /** Why not all is well, though services may run. */
  readonly trouble: () => string | undefined;
  readonly onEvent: (event: BootPlaneEvent) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
}
