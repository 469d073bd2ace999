// The composition root: configuration, store, policy, listeners, runner, in this order; closed in reverse.

import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import { createApi } from "./api/app.ts";
import { createRackstrap } from "./api/rackstrap.ts";
import type { Rackstrap } from "./api/service.ts";
import { loadOrCreateToken } from "./api/token.ts";
import type { Assets } from "./boot/assets.ts";
import { findNode } from "./inventory/find.ts";
import type { LiveInventory } from "./inventory/live.ts";
import type { Inventory } from "./inventory/schema.ts";
import { createSecretReader, type ReadSecret } from "./inventory/secret.ts";
import { type CommitWatch, startCommitWatch } from "./operations/commit-watch.ts";
import type { PowerWatch } from "./operations/power-watch.ts";
import type { OperationTools } from "./operations/verb.ts";
import { type AssetChecks, startAssetChecks } from "./serve/asset-checks.ts";
import { checkAll } from "./serve/checks.ts";
import { createConsoles } from "./serve/consoles.ts";
import { type Controllers, createControllers } from "./serve/controllers.ts";
import { createDiagnosing } from "./serve/diagnosing.ts";
import { givenHostKey, loadSshKey } from "./serve/install-keys.ts";
import { followInventory } from "./serve/inventory-follow.ts";
import { tellInsecureBmcs } from "./serve/inventory-hooks.ts";
import { type InventoryReload, openInventory } from "./serve/inventory-reload.ts";
import { createInventoryService, inventoryFiles } from "./serve/inventory-service.ts";
import { loadBoot } from "./serve/load-boot.ts";
import { startLoaderWatch } from "./serve/loader-watch.ts";
import { latestOf, serverMetrics } from "./serve/metrics.ts";
import { type NetworkServices, startNetworkServices } from "./serve/network-services.ts";
import { startPower } from "./serve/power.ts";
import { openReach, provisionTools, startRunner } from "./serve/provisioning.ts";
import { createServedScripts } from "./serve/served-scripts.ts";
import { openSiteCa } from "./serve/site-ca.ts";
import { siteFiles } from "./serve/site-files.ts";
import { createVerification } from "./serve/verification.ts";
import { clock } from "./serve/wall-clock.ts";
import { operating, recordSafely } from "./serve/watching.ts";
import { openStore, type Store } from "./store/store.ts";

type Closers = (() => void | Promise<void>)[];

/** Runs the server until SIGINT or SIGTERM. Throws one sentence with the remedy when it can't start. */
export async function serve(inventoryFile: string): Promise<void> {
  const output = pino.destination({ fd: 1 });
  // A log on a full disk is a log less; it must not end DHCP.
  output.on("error", () => undefined);
  const logger = pino({ level: process.env["RACKSTRAP_LOG_LEVEL"] ?? "info" }, output);
  const inventory = openInventory(inventoryFile, clock.now);
  const closers: Closers = [];
  const onHangup = () => void inventory.reload("signal");
  process.on("SIGHUP", onHangup);
  closers.push(() => void process.off("SIGHUP", onHangup));
  const stopped = stopRequest();
  const fault = Promise.withResolvers<never>();
  // Awaited only after the start; until then a fault must not count as unhandled.
  fault.promise.catch(() => undefined);
  try {
    await start(inventory, logger, closers, fault.reject);
    const { site, nodes } = inventory.inForce();
    logger.info({ site, nodes: nodes.length }, "server started");
    await Promise.race([stopped, fault.promise]);
    logger.info("server stopping");
  } finally {
    for (const close of closers.toReversed()) await closeOne(close, logger);
  }
}

/** One that fails to close must not leave the others open: a server that half runs still answers DHCP. */
async function closeOne(close: Closers[number], logger: Logger): Promise<void> {
  try {
    await close();
  } catch (error) {
    logger.error({ err: error }, "close failed");
    process.exitCode = 1;
  }
}

async function start(
  reload: InventoryReload,
  logger: Logger,
  closers: Closers,
  onFault: (error: Error) => void,
): Promise<void> {
  const inventory = reload.inForce;
  const { stateDirectory } = inventory().server;
  const { now } = clock;
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const store = openLoggedStore(stateDirectory, logger);
  closers.push(() => store.close());
  const boot = await loadBoot(inventory, store);
  const { assets, rendering } = boot;
  const sshKey = await loadSshKey(inventory());
  const readSecret = createSecretReader(process.env);
  const authority = await openAuthority(inventory(), readSecret, logger);
  const controllers = openControllers(inventory, readSecret, logger);
  closers.push(() => controllers.close());
  const power = startPower({ inventory, store, controllers, logger });
  closers.push(() => power.close());
  const reach = openReach(inventory, sshKey.file, authority);
  const tools = {
    ...provisionTools(inventory, store, assets, rendering, sshKey.file, authority, reach),
    ...{ bmc: power.bmc, startTurn: power.startTurn, powerAsked: power.asked, clock },
    ...siteFileTools(reload, `${sshKey.file}.pub`),
  };
  const servedScripts = openServedScripts(stateDirectory, logger);
  closers.push(() => servedScripts.close());
  const network = await startNetworkServices({
    ...{ inventory, store, ...boot, servedScripts, logger, now, onFault },
    isInventoryRefused: reload.isRefused,
    authorizedKeys: sshKey.publicKey,
    nonceKey: loadOrCreateToken(stateDirectory, randomBytes, "boot-nonce-key").reveal(),
    installerHostKey: (operation) => givenHostKey(inventory(), operation),
  });
  closers.push(() => network.close());
  const watch = startLoaderWatch({ assets, clock, dhcp: network.dhcp, onFault });
  closers.push(() => watch.close());
  const checks = checkAssetsRegularly(inventory(), assets, logger, onFault);
  closers.push(() => checks.close());
  const consoles = createConsoles({ inventory, store, bmc: tools.bmc, clock, logger });
  closers.push(() => consoles.close());
  const runner = startRunner(tools, store, consoles, logger);
  closers.push(() => runner.close());
  const followed = followInventory({
    ...{ reload, store, clock, controllers },
    ...{ cluster: tools.cluster, powerJobs: power.jobs, dhcp: network.dhcp },
    ...{ consoles: consoles.hub, logger: logger.child({ service: "inventory" }) },
  });
  closers.push(() => followed.close());
  const { nodes, operations, certificates } = store;
  const commitWatch = watchCommits(tools, store, logger);
  closers.push(() => commitWatch.close());
  const checked = { reload, assets, rendering, network, controllers, certificates, now };
  const service = createRackstrap({
    ...{ inventory, nodes, operations, runner, clock },
    orders: { ...tools, powerJobs: power.jobs },
    inventoryFiles: createInventoryService(reload),
    ...{ cluster: tools.cluster, clusters: store.clusters },
    ...{ powerJobs: power.jobs, powerWatch: power.watch, commitWatch },
    ...{ bmc: tools.bmc, probe: controllers.probe },
    ...{ consoles: consoles.hub, consoleLog: consoles.log },
    ...{ subject: rendering.subject, render: rendering.render, stages: rendering.stages },
    served: (node, stage) => servedScripts.find(node.name, stage),
    check: (request) => checkAll({ ...checked, ...reach }, request),
    diagnosing: createDiagnosing({ ...checked, ...reach, store, sshKey }),
    verify: createVerification({ ...tools, ...reach, readSecret }),
    ...{ ca: reach.ca, certificates, leases: () => network.dhcp.leases() },
    metrics: async () =>
      serverMetrics({
        ...(await networkFigures(network)),
        damagedAssets: assets.current().damaged.length,
        assetsCheckedMs: checks.lastCheckMs(),
        inventory: reload.status(),
        certificates: latestOf(certificates.certificates(), inventory()),
        ...watchFigures(inventory(), power.watch, commitWatch),
        nowMs: now(),
      }),
  });
  closers.push(await openApi(service, inventory().server, logger));
}

/** The site's files, as operations read and keep them. */
function siteFileTools(reload: InventoryReload, publicKeyFile: string) {
  return {
    files: inventoryFiles(reload),
    siteFiles: () => siteFiles(reload, publicKeyFile, clock.now()),
  };
}

/** Returns what closes it. */
async function openApi(
  service: Rackstrap,
  { stateDirectory, api }: Inventory["server"],
  logger: Logger,
): Promise<() => Promise<void>> {
  const token = loadOrCreateToken(stateDirectory, randomBytes);
  const app = createApi({ service, token, log: logger.child({ service: "api" }) });
  await app.listen({ host: api.address, port: api.port });
  return () => app.close();
}

function openLoggedStore(stateDirectory: string, logger: Logger): Store {
  return openStore(join(stateDirectory, "rackstrap.db"), clock.now, ({ kind, node, mac, detail }) =>
    logger.info({ event: kind, node, mac, detail }, "event"),
  );
}

function openServedScripts(stateDirectory: string, logger: Logger) {
  const onFailure = (node: string, error: unknown) =>
    logger.error({ err: error, node }, "the served script was not kept");
  return createServedScripts(join(stateDirectory, "served"), { now: clock.now, onFailure });
}

async function networkFigures({ services, dhcp }: NetworkServices) {
  return {
    services: services(),
    dhcpCounts: dhcp.counts(),
    pools: await dhcp.poolUse(),
    foreignServers: dhcp.foreignServers(),
  };
}

function watchFigures(
  { nodes, cluster }: Inventory,
  powerWatch: Pick<PowerWatch, "view">,
  commitWatch: Pick<CommitWatch, "view">,
) {
  return {
    power: nodes.map(({ name }) => ({ node: name, view: powerWatch.view(name) })),
    commits: cluster.layers.map((layer) => ({ layer, view: commitWatch.view(layer) })),
  };
}

/** Whether the leader of each layer commits, looked at until it is closed. */
function watchCommits(
  { inventory, cluster }: Pick<OperationTools, "inventory" | "cluster">,
  { nodes, operations }: Store,
  logger: Logger,
): CommitWatch {
  return startCommitWatch({
    ...{ inventory, cluster, store: nodes, clock, now: clock.now },
    operating: () => operating(operations),
    record: recordSafely(nodes, logger),
    onFault: (error) => logger.error({ err: error }, "commit watch fault"),
  });
}

function checkAssetsRegularly(
  inventory: Inventory,
  assets: Assets,
  logger: Logger,
  onFault: (error: Error) => void,
): AssetChecks {
  const everyMs = inventory.server.assetCheckMinutes * 60_000;
  const onChecked = (damaged: readonly string[]) => {
    for (const problem of damaged) logger.error({ problem }, "a boot asset is damaged");
  };
  return startAssetChecks({ assets, clock, everyMs, onChecked, onFault });
}

async function openAuthority(inventory: Inventory, readSecret: ReadSecret, logger: Logger) {
  return await openSiteCa(inventory, readSecret, clock.now, (error) =>
    logger.error({ err: error }, "the CA's bundle for clients was not written"),
  );
}

function openControllers(
  inventory: LiveInventory,
  readSecret: ReadSecret,
  logger: Logger,
): Controllers {
  tellInsecureBmcs(inventory(), logger);
  return createControllers(readSecret, (name) => findNode(inventory(), name));
}

function stopRequest(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}
