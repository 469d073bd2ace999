// What DHCP, TFTP and the boot plane are opened with. No logic.

import type { Logger } from "pino";
import type { Assets } from "../boot/assets.ts";
import type { DiscoveryBoots } from "../boot/discovery-boots.ts";
import type { ImageCache } from "../boot/image-cache.ts";
import type { KeysLedger } from "../boot/installer-keys.ts";
import type { BootPlaneDeps, BootPlaneEvent } from "../bootplane/deps.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Store } from "../store/store.ts";
import type { AddressHolders } from "./address-holders.ts";
import type { Recorder } from "./recorder.ts";
import type { Rendering } from "./rendering.ts";
import type { ServedScripts } from "./served-scripts.ts";

export interface NetworkTools {
  readonly inventory: LiveInventory;
  readonly store: Store;
  readonly assets: Assets;
  readonly images: ImageCache;
  readonly rendering: Rendering;
  readonly discoveryBoots: DiscoveryBoots;
  readonly authorizedKeys: string;
  readonly nonceKey: string;
  readonly installerHostKey: BootPlaneDeps["installerHostKey"];
  readonly isInventoryRefused: BootPlaneDeps["isInventoryRefused"];
  readonly servedScripts: Pick<ServedScripts, "keep">;
  readonly logger: Logger;
  readonly now: () => number;
  /** A service has ended by a fault; the server can't go on without it. */
  readonly onFault: (error: Error) => void;
}

/** Who hears what machines do. */
export interface Observers {
  readonly keysLedger: KeysLedger;
  /** What was given to machines over TFTP and HTTP. */
  readonly onBoot: (event: BootPlaneEvent) => void;
  readonly record: Recorder["record"];
  readonly holders: AddressHolders;
}
