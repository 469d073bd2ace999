// What boots the storm's machines: the product, and dnsmasq with nginx beside it, as an operator would set them up. Both have
// the same loader, kernel, and an address of its own for each machine.

import { randomUUID } from "node:crypto";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadScripts } from "../../src/boot/script.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { openStore } from "../../src/store/store.ts";
import type { InventoryFile } from "../../vm-harness/rack-inventory.ts";
import { randomImage } from "../fakes/asset-directory.ts";
import { addresses, network, serverInterface } from "./lab.ts";
import type { Preparation } from "./server-process.ts";
import type { StormMachine } from "./storm-machine.ts";

/** The programs to start. */
export type PrepareStorm = (
  directory: string,
  machines: readonly StormMachine[],
) => Promise<readonly Preparation[]>;

const repository = join(import.meta.dirname, "../..");
const loader = "undionly.kpxe";
const kernelBytes = 12 * 1024 * 1024;
const httpPort = 8080;
const hourMs = 3_600_000;
const disk = "/dev/sda";
const server = {
  address: addresses.server as Ipv4,
  baseUrl: `http://${addresses.server}:${httpPort}`,
};

/** The loader and an image in the runbook's layout. */
async function writeAssets(directory: string): Promise<void> {
  const image = join(directory, "nixos/worker");
  await mkdir(image, { recursive: true });
  await copyFile(join("/usr/lib/ipxe", loader), join(directory, loader));
  await writeFile(join(image, "bzImage"), randomImage(kernelBytes));
  await writeFile(join(image, "initrd"), randomImage(1024));
  await writeFile(
    join(image, "netboot.ipxe"),
    "#!ipxe\nkernel bzImage init=/nix/store/storm/init initrd=initrd\ninitrd initrd\nboot\n",
  );
}

/** The product with every machine declared, and an install armed for each. */
export const prepareRackstrap: PrepareStorm = async (directory, machines) => {
  const assetDirectory = join(directory, "assets");
  const stateDirectory = join(directory, "state");
  await writeAssets(assetDirectory);
  await mkdir(stateDirectory, { mode: 0o700 });
  await writeFile(join(directory, "password"), "unused\n");
  const inventoryFile = join(directory, "site.json");
  const inventory = storm(directory, { assetDirectory, stateDirectory }, machines);
  await writeFile(inventoryFile, JSON.stringify(inventory));
  const store = openStore(join(stateDirectory, "rackstrap.db"), Date.now, () => undefined);
  store.atomically(() => {
    for (const { name, mac } of machines)
      store.nodes.arm({
        ...{ id: randomUUID(), node: name, mac: mac as Mac, disk, operation: "storm" },
        ...{ armedAtMs: Date.now(), expiresAtMs: Date.now() + hourMs },
      });
  });
  store.close();
  const main = join(repository, "src/cli/main.ts");
  return [{ argv: [process.execPath, main, "serve", "--inventory", inventoryFile] }];
};

function storm(
  directory: string,
  folders: { readonly assetDirectory: string; readonly stateDirectory: string },
  machines: readonly StormMachine[],
): InventoryFile {
  const password = { file: join(directory, "password") };
  const nodes = machines.map(({ name, mac, address }) => [
    name,
    {
      ...{ mac, profile: "worker", firmware: "bios", provisioningAddress: address, disk },
      productionAddress: address.replace("10.77.", "10.78."),
      bmc: { address: address.replace("10.77.", "10.79."), user: "admin", password },
    },
  ]);
  return {
    site: "storm",
    domain: "example.com",
    cluster: { name: "storm" },
    server: { address: addresses.server, interface: serverInterface, httpPort, ...folders },
    dhcp: { conflictProbe: false },
    networks: {
      provisioning: {
        ...{ cidr: network, gateway: "10.77.0.254", dns: ["10.77.0.254"] },
        pool: { start: "10.77.200.0", end: "10.77.201.255" },
        domain: "prov.example.com",
      },
      production: { cidr: "10.78.0.0/16", gateway: "10.78.255.254", dns: ["10.78.255.254"] },
      management: { cidr: "10.79.0.0/16" },
    },
    install: { flake: "/nonexistent" },
    profiles: { worker: { role: "control-plane" } },
    nodes: Object.fromEntries(nodes),
  };
}

/** dnsmasq for addresses and the loader, nginx for the rest, each machine's files written beforehand. */
export const prepareDnsmasqAndNginx: PrepareStorm = async (directory, machines) => {
  const root = join(directory, "root");
  await writeAssets(join(root, "boot"));
  await mkdir(join(root, "boot/ipxe"));
  await writeFile(join(root, "boot/ipxe/boot.ipxe"), scripts.menu(server));
  for (const { mac, name } of machines) await writeMachine(join(root, "boot/nodes", mac), name);
  const hostsFile = join(directory, "hosts");
  const hosts = machines.map(({ mac, address, name }) => `${mac},${address},${name}\n`);
  await writeFile(hostsFile, hosts.join(""));
  const configuration = join(directory, "nginx.conf");
  await writeFile(configuration, nginxConfiguration(directory, root));
  const dnsmasq = [
    ...["dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--user=root", "--port=0"],
    ...[`--interface=${serverInterface}`, "--bind-interfaces", "--no-ping", "--quiet-dhcp"],
    ...["--dhcp-lease-max=10000", `--dhcp-leasefile=${join(directory, "leases")}`, "--pid-file="],
    ...["--dhcp-range=10.77.200.0,10.77.201.255,255.255.0.0,600", `--dhcp-hostsfile=${hostsFile}`],
    ...["--dhcp-userclass=set:ipxe,iPXE", `--dhcp-boot=tag:!ipxe,${loader},,${server.address}`],
    `--dhcp-boot=tag:ipxe,${server.baseUrl}/boot/ipxe/boot.ipxe,,${server.address}`,
    ...["--enable-tftp", `--tftp-root=${join(root, "boot")}`, "--tftp-max=10000", "--quiet-tftp"],
  ];
  return [{ argv: dnsmasq }, { argv: ["nginx", "-c", configuration, "-g", "daemon off;"] }];
};

const scripts = loadScripts(join(repository, "templates"));

async function writeMachine(directory: string, name: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const images = `${server.baseUrl}/boot/nixos/worker`;
  await writeFile(
    join(directory, "boot.ipxe"),
    `#!ipxe\nkernel ${images}/bzImage init=/nix/store/storm/init hostname=${name}\ninitrd ${images}/initrd\nboot\n`,
  );
  const document = { node_id: name, node_role: "worker", bootstrap: false };
  await writeFile(join(directory, "cluster-config.json"), `${JSON.stringify(document)}\n`);
}

/** As an operator would have it: a process for each core, sendfile, no log line for each request. */
function nginxConfiguration(directory: string, root: string): string {
  return `
user root;
worker_processes auto;
worker_rlimit_nofile 16384;
pid ${directory}/nginx.pid;
error_log stderr crit;
events { worker_connections 8192; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  default_type application/octet-stream;
  server { listen ${server.address}:${httpPort}; root ${root}; }
}
`;
}
