// The NixOS module of the provisioning server, evaluated by nix with a stub of nixpkgs' lib: the runbook's own block, what it
// lacks, and the unit that comes out of it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { formatProblem, parseInventory } from "../../src/inventory/load.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { requireTools } from "./host.ts";
import { openNix } from "./nix.ts";

const root = join(import.meta.dirname, "../..");
const stubs = join(root, "test/fixtures/generate/stubs");
const module = join(root, "templates/nixos/rackstrap.nix");

beforeAll(() => requireTools({ "nix-instantiate": "nix-bin" }));

/** The runbook's block, with the path that it leaves to the reader. */
const block = readFileSync(
  join(root, "test/fixtures/generate/runbook/pxe-server.nix"),
  "utf8",
).replace("/path/to/chainfire/baremetal/pxe-server/nixos-module.nix", module);

/** What the block does not say, as its owner adds it. */
const rest = `{
  services.rackstrap.package = { outPath = "/nix/store/rackstrap"; };
  services.rackstrap.environmentFile = "/run/secrets/rackstrap.env";
  services.rackstrap.settings = {
    site = "example";
    domain = "example.com";
    cluster.name = "prod-cluster";
    networks.provisioning.domain = "prov.example.com";
    networks.production = { cidr = "10.0.200.0/24"; gateway = "10.0.200.1"; dns = [ "10.0.200.1" ]; };
    networks.management.cidr = "10.0.10.0/24";
    profiles.control-plane = { firmware = "uefi"; disk = "/dev/sda"; bmc = { user = "admin"; password.env = "BMC_PASSWORD"; }; };
    nodes.node01 = { productionAddress = "10.0.200.10"; bmc.address = "10.0.10.50"; };
    nodes.node02 = { productionAddress = "10.0.200.11"; bmc.address = "10.0.10.51"; };
    nodes.node03 = { productionAddress = "10.0.200.12"; bmc.address = "10.0.10.52"; };
  };
}`;

/** The value of `what` in a system of these modules. */
function evaluate(modules: readonly string[], what: string): Promise<unknown> {
  return openNix(temporaryDirectory()).evaluate(`
    let
      lib = import ${stubs}/lib.nix;
      system = lib.evalModules {
        pkgs = import ${stubs}/pkgs.nix;
        options = import ${stubs}/nixos-options.nix;
        modules = [ ${modules.map((text) => `(${text})`).join("\n")} ];
      };
      inherit (system) config;
      failed = map (assertion: assertion.message) (lib.filter (assertion: !assertion.assertion) config.assertions);
    in ${what}`);
}

test("the runbook's block gives an inventory, and what it lacks is said", async () => {
  expect(await evaluate([block], "config.services.rackstrap.settings")).toEqual({
    server: { address: "10.0.100.10", interface: "eth0" },
    networks: {
      provisioning: {
        cidr: "10.0.100.0/24",
        gateway: "10.0.100.1",
        pool: { start: "10.0.100.100", end: "10.0.100.200" },
        dns: ["10.0.100.1", "8.8.8.8"],
      },
    },
    install: { flake: "/srv/provisioning" },
    profiles: { "control-plane": { role: "control-plane" } },
    nodes: {
      node01: {
        mac: "52:54:00:12:34:56",
        profile: "control-plane",
        provisioningAddress: "10.0.100.50",
      },
      node02: {
        mac: "52:54:00:12:34:57",
        profile: "control-plane",
        provisioningAddress: "10.0.100.51",
      },
      node03: {
        mac: "52:54:00:12:34:58",
        profile: "control-plane",
        provisioningAddress: "10.0.100.52",
      },
    },
  });
  const [message, ...others] = (await evaluate([block], "failed")) as string[];
  expect(others).toEqual([]);
  expect(message).toMatch(
    /^services\.rackstrap\.settings lacks site, domain, cluster\.name, networks\.provisioning\.domain, networks\.production\.cidr, .*nodes\.node01\.productionAddress, nodes\.node01\.bmc, nodes\.node01\.firmware, nodes\.node01\.disk, nodes\.node02/,
  );
});

test("completed, it is an inventory that the server takes", async () => {
  expect(await evaluate([block, rest], "failed")).toEqual([]);
  const settings = await evaluate([block, rest], "config.services.rackstrap.settings");
  const result = parseInventory(JSON.stringify(settings), "/etc/rackstrap/site.yaml");
  if ("problems" in result) throw new Error(result.problems.map(formatProblem).join("\n"));
  expect(result.inventory.nodes.map(({ fqdn, role, firmware }) => [fqdn, role, firmware])).toEqual([
    ["node01.example.com", "control-plane", "uefi"],
    ["node02.example.com", "control-plane", "uefi"],
    ["node03.example.com", "control-plane", "uefi"],
  ]);
});

test("the ports of the runbook are open on the served interface alone", async () => {
  const firewall = await evaluate([block, rest], "config.networking.firewall");
  expect(firewall).toEqual({
    interfaces: {
      eth0: { allowedUDPPorts: [67, 68, 69, 4011], allowedTCPPorts: [22, 80, 8080] },
    },
  });
  const closed = "{ services.rackstrap.openFirewall = false; }";
  expect(await evaluate([block, rest, closed], "config.networking.firewall")).toEqual({});
});

test("the unit has the rights of the one for other systems, line by line", async () => {
  const unit = (await evaluate([block, rest], "config.systemd.services.rackstrap")) as {
    serviceConfig: Record<string, unknown>;
    startLimitIntervalSec: unknown;
  };
  const written = readFileSync(join(root, "docs/systemd/rackstrap.service"), "utf8");
  const wanted = [...written.matchAll(/^([A-Z]\w+)=(.*)$/gm)]
    .map(([, key = "", value]) => [key, value])
    .filter(
      ([key = ""]) =>
        !/^(?:Description|Documentation|Wants|After|WantedBy|ExecStart|Environment|StartLimitIntervalSec)$/.test(
          key,
        ),
    );
  expect(written).toContain(`\nStartLimitIntervalSec=${unit.startLimitIntervalSec}\n`);
  const shown = (value: unknown) =>
    typeof value === "boolean"
      ? value
        ? "yes"
        : "no"
      : [value]
          .flat()
          .join(" ")
          .replace(/^\S*coreutils\S*\/bin\//, "");
  const { ExecStart, EnvironmentFile, ...settings } = unit.serviceConfig;
  expect(
    Object.entries(settings)
      .map(([key, value]) => [key, shown(value)])
      .toSorted(),
  ).toEqual(wanted.toSorted());
  expect(wanted.length).toBeGreaterThan(25);
  expect(ExecStart).toBe(
    "/nix/store/rackstrap/bin/rackstrap serve --inventory /nix/store/site.yaml",
  );
  expect(EnvironmentFile).toBe("/run/secrets/rackstrap.env");
});

test("with sockets it opens no port below 1024 itself", async () => {
  const sockets = "{ services.rackstrap.sockets = true; }";
  const system = await evaluate(
    [block, rest, sockets],
    `{ rights = config.systemd.services.rackstrap.serviceConfig.AmbientCapabilities; inherit (config.systemd) sockets; }`,
  );
  expect(system).toMatchObject({
    rights: ["CAP_NET_RAW"],
    sockets: {
      "rackstrap-dhcp-eth0": {
        socketConfig: {
          ListenDatagram: "0.0.0.0:67",
          BindToDevice: "eth0",
          FileDescriptorName: "dhcp",
        },
      },
      "rackstrap-tftp-eth0": {
        socketConfig: { ListenDatagram: "10.0.100.10:69", FileDescriptorName: "tftp" },
      },
    },
  });
});

test("an inventory file of the operator's takes the place of the settings", async () => {
  const own = `{
    imports = [ ${module} ];
    services.rackstrap = { enable = true; package = { outPath = "/nix/store/rackstrap"; }; inventoryFile = "/etc/rackstrap/it's.yaml"; };
  }`;
  expect(await evaluate([own], "failed")).toEqual([
    expect.stringContaining("services.rackstrap.served is empty"),
  ]);
  const served = '{ services.rackstrap.served.eno1 = "10.0.100.10"; }';
  expect(await evaluate([own, served], "failed")).toEqual([]);
  expect(
    await evaluate([own, served], "config.systemd.services.rackstrap.serviceConfig.ExecStart"),
  ).toBe("/nix/store/rackstrap/bin/rackstrap serve --inventory '/etc/rackstrap/it'\\''s.yaml'");
});

test.each([
  [
    'netmask = "255.255.255.0"',
    'netmask = "255.0.255.0"',
    ["netmask is 255.0.255.0, which is no mask"],
  ],
  [
    'netmask = "255.255.255.0"',
    'netmask = "255.255.0.0"',
    ["broadcast is 10.0.100.255, and that of 10.0.100.0"],
  ],
  ['hostname = "node02"', 'hostname = "node01"', ["two machines have the same hostname"]],
])("a block with %s changed to %s is refused", async (from, to, messages) => {
  const failed = await evaluate([block.replace(from, to), rest], "failed");
  expect(failed).toEqual(
    expect.arrayContaining(messages.map((text) => expect.stringContaining(text))),
  );
});

test.each([
  ["23", "255.255.254.0", "10.0.100.0", "10.0.101.255"],
  ["8", "255.0.0.0", "10.0.0.0", "10.255.255.255"],
  ["30", "255.255.255.252", "10.0.100.0", "10.0.100.3"],
])("a mask of %s bits is read", async (bits, mask, subnet, broadcast) => {
  const other = block
    .replace('"255.255.255.0"', `"${mask}"`)
    .replace('subnet = "10.0.100.0"', `subnet = "${subnet}"`)
    .replace('"10.0.100.255"', `"${broadcast}"`);
  expect(await evaluate([other, rest], "failed")).toEqual([]);
  expect(
    await evaluate([other, rest], "config.services.rackstrap.settings.networks.provisioning.cidr"),
  ).toBe(`${subnet}/${bits}`);
});

test("an option that nobody declared is an error of the stub too", async () => {
  await expect(
    evaluate(
      [block, rest, "{ services.rackstrap.enabled = true; }"],
      "config.services.rackstrap.enable",
    ),
  ).rejects.toThrow(/enabled is defined and no option/);
  await expect(
    evaluate([block, rest, "{ networking.firewal.enable = true; }"], "config.networking.firewall"),
  ).rejects.toThrow(/networking\.firewal is defined and no option/);
  await expect(
    evaluate(
      [block, rest, "{ services.rackstrap.openFirewall = 1; }"],
      "config.networking.firewall",
    ),
  ).rejects.toThrow(/is no boolean: 1/);
});
