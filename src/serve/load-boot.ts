// What machines are given, and what it is made of: images, loaders, templates.

import { totalmem } from "node:os";
import { join } from "node:path";
import { loadAssetKey } from "../boot/asset-store/signature.ts";
import { createAssets } from "../boot/assets.ts";
import { createDiscoveryBoots } from "../boot/discovery-boots.ts";
import { createImageCache, imageBudgetBytes } from "../boot/image-cache.ts";
import { loadLoaderConfigs } from "../boot/loader-config.ts";
import { loadScripts } from "../boot/script.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Store } from "../store/store.ts";
import { createRendering } from "./rendering.ts";
import { clock } from "./wall-clock.ts";

export async function loadBoot(inventory: LiveInventory, store: Store) {
  const { stateDirectory, assetDirectory, assetKey, imageMemoryMiB } = inventory().server;
  const assets = await createAssets(assetDirectory, {
    memoryFile: join(stateDirectory, "asset-sums.json"),
    key: assetKey === undefined ? undefined : loadAssetKey(assetKey),
  });
  const images = createImageCache(imageBudgetBytes(imageMemoryMiB, memoryBytes()));
  const templates = join(import.meta.dirname, "../../templates");
  const ofSite = () => inventory().boot.templates;
  const scripts = loadScripts(templates, ofSite);
  const configs = loadLoaderConfigs(templates, ofSite);
  const discoveryBoots = createDiscoveryBoots();
  const { now } = clock;
  const boot = { assets, scripts, configs, discoveryBoots };
  const rendering = createRendering({ inventory, store, ...boot, now });
  return { assets, images, discoveryBoots, rendering };
}

/** Of the machine, or of the control group that the process is limited to. */
function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}
