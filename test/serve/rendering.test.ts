import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import type { AssetSet, Assets } from "../../src/boot/assets.ts";
import { createDiscoveryBoots } from "../../src/boot/discovery-boots.ts";
import { loadLoaderConfigs } from "../../src/boot/loader-config.ts";
import { loadScripts } from "../../src/boot/script.ts";
import { formatDisk } from "../../src/inventory/disk.ts";
import { createRendering } from "../../src/serve/rendering.ts";
import { openStore } from "../../src/store/store.ts";
import { exampleInventory } from "../fakes/rack.ts";
import { node, set } from "../fakes/tftp-files.ts";

const inventory = exampleInventory();

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-rendering-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function rendering({ armed = false, sets = [set] as readonly AssetSet[] } = {}) {
  const store = openStore(
    ":memory:",
    () => 1_000,
    () => undefined,
  );
  onTestFinished(() => store.close());
  const { name, mac } = node;
  const disk = formatDisk(node.disk);
  const times = { armedAtMs: 1_000, expiresAtMs: 2_000 };
  if (armed)
    store.nodes.arm({ id: "intent-1", node: name, mac, disk, operation: "op-1", ...times });
  const manifest = { sets: new Map(sets.map((each) => [each.profile, each])) };
  return createRendering({
    inventory: () => inventory,
    ...{ store, now: () => 1_000, discoveryBoots: createDiscoveryBoots() },
    assets: { current: () => manifest } as unknown as Assets,
    scripts: loadScripts("templates", () => directory),
    configs: loadLoaderConfigs("templates", () => directory),
  });
}

const installers = {
  boot: "kernel --name kernel http://",
  grub: `if linux '/nixos/${set.profile}/`,
  pxelinux: `KERNEL /nixos/${set.profile}/`,
};

test.each(["boot", "grub", "pxelinux"] as const)(
  "the stage %s is what the node would get now, its installer's one what it would get armed",
  (stage) => {
    const resting = rendering();
    expect(resting.render(node, stage)).toContain("node node01 is registered, not armed");
    expect(resting.render(node, stage)).not.toContain(installers[stage]);
    const armed = rendering({ armed: true });
    const installer = stage === "boot" ? "installer" : `${stage}-installer`;
    expect(armed.render(node, stage)).toContain(installers[stage]);
    expect(armed.render(node, stage)).toMatch(/nonce=NONCE|\/NONCE\//);
    expect(resting.render(node, installer)).toBe(armed.render(node, stage));
  },
);

test("every stage that is listed can be rendered, and no other", () => {
  const { stages, render } = rendering();
  for (const stage of stages) expect(render(node, stage)).toMatch(/./);
  for (const stage of ["nothing", "toString", "../boot"])
    expect(render(node, stage)).toBeUndefined();
});

test("without an asset set every installer's stage says so", () => {
  const { render } = rendering({ sets: [] });
  for (const stage of ["installer", "grub-installer", "pxelinux-installer"])
    expect(render(node, stage)).toContain("no usable asset set");
});

test("faulty templates are found for whatever loader they are", () => {
  const faults = () => {
    const { scriptFaults, commonFaults } = rendering();
    return [...scriptFaults(node), ...commonFaults()];
  };
  expect(faults()).toEqual([]);
  const names = [
    "installer.grub.cfg",
    "local-disk.pxelinux.cfg",
    "autoexec.ipxe",
    "by-mac.grub.cfg",
  ];
  for (const name of names) writeFileSync(join(directory, `${name}.hbs`), "{{nothing}}\n");
  expect(faults()).toEqual(names.map((name) => expect.stringContaining(`/${name}.hbs: `)));
});
