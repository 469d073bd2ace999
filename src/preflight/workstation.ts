// Can this machine install: nixos-anywhere, and an SSH key that opens the installer (runbook §4.6)?

import { join } from "node:path";
import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok } from "./line.ts";
import { endOf, fetchMs } from "./programs.ts";
import type { Surroundings } from "./surroundings.ts";

const area = "workstation" as const;

type Tools = Pick<Surroundings, "run" | "mode" | "readText">;

export async function checkWorkstation(
  inventory: Inventory,
  tools: Tools,
): Promise<readonly CheckLine[]> {
  return await Promise.all([checkInstaller(inventory, tools), checkSshKey(inventory, tools)]);
}

/** The command of the inventory, asked for its usage: nothing is installed by that. */
async function checkInstaller({ install }: Inventory, { run }: Tools): Promise<CheckLine> {
  const subject = { area, title: "nixos-anywhere" };
  const [program = ""] = install.command;
  const ended = await run([...install.command, "--help"], fetchMs);
  if (ended === undefined)
    return error(
      subject,
      `${program} is not in PATH`,
      program === "nix"
        ? "install nix (nixos.org), or set install.command to how nixos-anywhere is started here"
        : "install it, or correct install.command",
    );
  if (/--flake/.test(ended.stdout + ended.stderr)) return ok(subject, "runs");
  return error(
    subject,
    `${install.command.join(" ")} --help ended ${endOf(ended)}`,
    "run it by hand; without a way to the internet, set install.command to a nixos-anywhere that is installed here",
  );
}

async function checkSshKey({ install, server }: Inventory, tools: Tools): Promise<CheckLine> {
  const subject = { area, title: "SSH key" };
  const file = install.sshKey ?? join(server.stateDirectory, "ssh", "id_ed25519");
  const mode = await tools.mode(file);
  if (mode === undefined)
    return install.sshKey === undefined
      ? ok(subject, "made at the first start of the server")
      : error(subject, `${file} is not there`, `make it: ssh-keygen -t ed25519 -N "" -f ${file}`);
  if ((mode & 0o077) !== 0)
    return error(
      subject,
      `${file} is open to other users (mode ${mode.toString(8)}), so ssh refuses it`,
      `chmod 600 ${file}`,
    );
  const made = await tools.run(["ssh-keygen", "-y", "-P", "", "-f", file], 10_000);
  if (made === undefined)
    return error(subject, "there is no ssh-keygen here", "install openssh-client");
  if (made.exitCode !== 0)
    return error(
      subject,
      `${file} can't be used: it needs a passphrase, or is no key`,
      `take the passphrase off (ssh-keygen -p -N "" -f ${file}), or make another key for installs`,
    );
  const kept = await tools.readText(`${file}.pub`).catch(() => "");
  if (keyOf(kept) === keyOf(made.stdout)) return ok(subject, file);
  return error(
    subject,
    `${file}.pub is not the public half of ${file}`,
    `write it anew: ssh-keygen -y -f ${file} > ${file}.pub`,
  );
}

/** Type and key, without the comment. */
function keyOf(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(" ");
}
