// What may be written of a node, and of a profile, which is a role and defaults for its nodes.

import { z } from "zod";
import { bmc, bmcDefaults } from "./bmc-schema.ts";
import { disk } from "./disk.ts";
import { bonds, nics, vlans } from "./interface-schema.ts";
import { loaderName } from "./loader-name.ts";
import { serviceNames } from "./services.ts";
import { ipv4, mac, matching } from "./values.ts";

export const profileName = matching(
  /^[a-z0-9][a-z0-9-]{0,62}$/,
  "a profile name of lower-case letters, digits and hyphens, at most 63",
);
// Kernel arguments and paths end up in a boot script: no white space tricks, no iPXE settings, no shell.
const kernelArgument = matching(
  /^[A-Za-z0-9_.,:/@=+-]+$/,
  "one kernel argument of letters, digits and _ . , : / @ = + - (one list entry each)",
);
const powerGroup = matching(
  /^[a-z0-9][a-z0-9._-]{0,62}$/,
  "a power group of lower-case letters, digits, dots, underscores and hyphens, at most 63",
);
const label = matching(
  /^[a-z0-9][A-Za-z0-9._-]{0,62}$/,
  "a label of letters, digits, dots, underscores and hyphens, at most 63",
);
const machineSerial = matching(
  /^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}$/,
  "a machine's serial number, at most 64 letters and digits",
);
const machineUuid = matching(
  /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/,
  "a machine's UUID such as 4c4c4544-0051-3510-8052-b4c04f4a3332",
);
export const loaderFile = matching(
  loaderName,
  "a loader's file name without folders such as ipxe.efi or undionly.kpxe",
);
export const downloadRate = z.number().min(0.1).max(100_000);

const tangServer = z.strictObject({
  url: matching(
    /^https?:\/\/[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:\d{1,5})?(\/[A-Za-z0-9._~/-]{0,200})?$/,
    "the URL of a Tang server such as http://10.0.100.5:7500",
  ),
  /** Of its signing key, as `tang-show-keys` prints it: nothing is trusted on first use. */
  thumbprint: matching(/^[A-Za-z0-9_-]{27,86}$/, "a thumbprint as tang-show-keys prints it"),
});

const volume = z.strictObject({
  /** As LVM takes it: 50G, or 100% for what is left. */
  size: matching(/^(?:\d{1,6}[MGT]|100%)$/, "a size such as 50G, or 100% for what is left"),
  mountpoint: matching(
    /^\/(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)?$/,
    "an absolute path such as /var",
  ),
});

/** How the disk is divided. */
const layout = z.discriminatedUnion("kind", [
  /** ESP and root (runbook §5.3). */
  z.strictObject({ kind: z.literal("single") }),
  /** The same on two disks, mirrored. */
  z.strictObject({ kind: z.literal("mirror"), second: disk }),
  z.strictObject({
    kind: z.literal("lvm"),
    volumes: z.record(label, volume).default({ root: { size: "100%", mountpoint: "/" } }),
  }),
  /** Root is encrypted, and opened by so many of these servers. */
  z.strictObject({
    kind: z.literal("luks"),
    tang: z.array(tangServer).min(1),
    threshold: z.int().min(1).default(1),
  }),
]);

/** What a profile may say for its nodes. */
const inheritable = {
  firmware: z.enum(["bios", "uefi"]),
  disk,
  layout: layout.default({ kind: "single" }),
  kernelArguments: z.array(kernelArgument).default([]),
  /** In place of those that its role runs. */
  services: z.array(z.enum(serviceNames)).optional(),
  labels: z.record(label, label).default({}),
  rack: label.optional(),
  /** Never installed over, until this is taken out again. */
  protected: z.boolean().default(false),
  /** Given to this machine's firmware in place of the loader for its architecture. */
  loader: loaderFile.optional(),
  /** For a network card that hangs on a fast download. */
  downloadMiBPerSecond: downloadRate.optional(),
  /**
   * How iPXE hands over to the disk: `sanboot` starts the first one itself, `exit` and `exit-1` go back to the firmware with a
   * success or an error. `auto`: sanboot on BIOS, exit-1 on UEFI.
   */
  localBoot: z.enum(["auto", "sanboot", "exit", "exit-1"]).default("auto"),
  /** This machine starts only signed loaders. */
  secureBoot: z.boolean().optional(),
  /** In place of the site's setting. */
  chainLoader: z.boolean().optional(),
  /** What feeds it, such as a PDU or a rack: machines of one group are started one after the other. */
  powerGroup: powerGroup.optional(),
  /** Absent: eth0 in the provisioning network, eth1 in the production network. */
  nics: nics.default({}),
  bonds: bonds.default({}),
  vlans: vlans.default({}),
};

// The order here is that of a formatted file.
const { firmware, rack, ...otherDefaults } = inheritable;

export const node = z.strictObject({
  mac,
  profile: profileName,
  firmware,
  provisioningAddress: ipv4,
  productionAddress: ipv4,
  /** What the machine says of itself (SMBIOS type 1). */
  serial: machineSerial.optional(),
  uuid: machineUuid.optional(),
  rack,
  /** Rack unit, counted from below. */
  position: z.int().min(1).max(100).optional(),
  ...otherDefaults,
  bmc,
});

export const profile = z.strictObject({
  role: z.enum(["control-plane", "worker", "all-in-one"]),
  ...z.strictObject(inheritable).partial().shape,
  bmc: bmcDefaults.optional(),
});

export type NodeSettings = z.output<typeof node>;
export type Role = z.output<typeof profile>["role"];
export type DiskLayout = z.output<typeof layout>;
