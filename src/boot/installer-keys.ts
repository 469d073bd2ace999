// The keys of an install's installer, given by HTTP and by TFTP alike: to its machine alone, and until the installer that has them
// was found. Before that a machine may restart and ask again, which is counted.

import type { HostKey } from "../install/host-key.ts";
import type { Mac } from "../net/mac.ts";
import { type Gate, permit } from "./access.ts";
import { keysArchive } from "./keys-archive.ts";

/** Who had the keys of which operation so far. */
export interface KeysLedger {
  /** Whether the installer of that operation was found. Whoever asks for its keys after that is not that installer. */
  isClosed(operation: string): boolean;
  /** Notes one more fetch, or one more that was refused because of `isClosed`. Returns how many there have been. */
  note(operation: string, what: "served" | "refused"): number;
}

export interface KeyTools extends Gate {
  readonly keysLedger: KeysLedger;
  /** The public keys that may log in to the installer, as an authorized_keys text. */
  readonly authorizedKeys: () => string;
  /** The host key that the installer of an operation is to have. */
  readonly installerHostKey: (operation: string) => Promise<HostKey | undefined>;
}

export type GivenKeys =
  | { readonly archive: Buffer; readonly operation: string }
  | {
      readonly refused: string;
      /** Set when somebody asks who has all that the machine has, after that had its keys. */
      readonly operation?: string;
    };

/** The second initrd for `address`, which asks in the name of `mac` with the nonce `offered`; or why it gets none. */
export async function giveKeys(
  tools: KeyTools,
  mac: Mac,
  address: string,
  offered: string | undefined,
): Promise<GivenKeys> {
  const access = permit(tools, mac, address, offered);
  if ("refused" in access) return access;
  const { operation } = access.granted;
  if (tools.keysLedger.isClosed(operation))
    return {
      operation,
      refused:
        "the installer with these keys was found already: another machine asks, or it restarted",
    };
  const hostKey = await tools.installerHostKey(operation);
  return { operation, archive: keysArchive(tools.authorizedKeys(), hostKey) };
}
