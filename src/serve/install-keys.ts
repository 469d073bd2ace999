// The SSH keys of installs: the one that opens the installer, and those that installers are given.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type HostKey, loadOrCreateHostKey } from "../install/host-key.ts";
import type { Inventory } from "../inventory/schema.ts";
import { installerHostKey } from "../operations/installation.ts";

/** The key that opens the installer: the site's own, else one made at the first start. */
export async function loadSshKey(
  inventory: Inventory,
): Promise<{ readonly file: string } & Pick<HostKey, "publicKey">> {
  const { sshKey } = inventory.install;
  if (sshKey !== undefined && !(existsSync(sshKey) && existsSync(`${sshKey}.pub`)))
    throw new Error(
      `install.sshKey ${sshKey} and ${sshKey}.pub must both exist: make them with ssh-keygen -t ed25519 -N "" -f ${sshKey}`,
    );
  const file = sshKey ?? join(inventory.server.stateDirectory, "ssh", "id_ed25519");
  const { signal } = new AbortController();
  const { publicKey } = await loadOrCreateHostKey(file, `rackstrap ${inventory.site}`, signal);
  return { file, publicKey };
}

/** Throws where host keys are pinned and this operation's is gone: an installer with a key of its own could not be told from another's. */
export async function givenHostKey(
  inventory: Inventory,
  operation: string,
): Promise<HostKey | undefined> {
  const key = await installerHostKey(inventory, operation);
  if (key !== undefined || inventory.install.hostKey === "first-use") return key;
  throw new Error(`the host key of operation ${operation} is gone: the operation is over`);
}
