// Launches the command of an install run: detached, with an environment of its own, its output in a
// file, and an ssh that only talks to the installer whose host key was pinned.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, mkdir, open, readFile, writeFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

export interface InstallCommand {
  readonly argv: readonly string[];
  /** nixos-anywhere needs one; nix keeps its caches there. */
  readonly home: string;
  /** PATH with ssh, ssh-copy-id, ssh-keygen, nix, tar, awk, sed, grep, xargs, timeout, coreutils and git. */
  readonly path: string;
  /** Content of NIX_CONFIG. */
  readonly nixConfig?: string;
}

/** Three lines of shell take this long only on a server that has stopped working. */
const claimMs = 10_000;

// $1 is the run directory, the rest is the command. The link is the claim: it is atomic, and fails for
// all but the first. Descriptor 3 tells the starter that the claim is decided. TERM is caught, not
// ignored (the command would inherit that), so that the exit code of a command ended by it is kept.
const wrapper = `
dir=$1; shift
read -r boot </proc/sys/kernel/random/boot_id
read -r stat </proc/$$/stat
nth20() { shift 19; echo "$1"; }
rest=\${stat##*") "}
ticks=$(nth20 $rest)
printf '{"pid":%s,"startTime":%s,"bootId":"%s"}\\n' $$ "$ticks" "$boot" >"$dir/pid.$$"
ln "$dir/pid.$$" "$dir/pid" 2>/dev/null; lost=$?
rm -f "$dir/pid.$$"
[ "$lost" -eq 0 ] || exit 0
exec 3>&-
[ ! -e "$dir/cancelled" ] || exit 0
trap : TERM INT HUP
"$@"
echo $? >"$dir/rc.part" && mv "$dir/rc.part" "$dir/rc"
`;

/**
 * Launches the command in `directory`, which must hold the installer's known_hosts, and resolves
 * when it has claimed the run or found it claimed. Nothing of this server's environment goes along.
 */
export async function launch(directory: string, command: InstallCommand): Promise<void> {
  await requirePinnedKey(directory);
  const bin = join(directory, "bin");
  const tmp = join(directory, "tmp");
  for (const path of [bin, tmp]) await mkdir(path, { recursive: true, mode: 0o700 });
  const ssh = await findProgram("ssh", command.path);
  await writeFile(join(bin, "ssh"), sshWrapper(ssh, directory), { mode: 0o700 });
  const env = {
    HOME: command.home,
    PATH: `${bin}:${command.path}`,
    TMPDIR: tmp,
    ...(command.nixConfig === undefined ? {} : { NIX_CONFIG: command.nixConfig }),
  };
  const log = await open(join(directory, "log"), "a", 0o600);
  try {
    const child = spawn("/bin/sh", ["-c", wrapper, "install", directory, ...command.argv], {
      cwd: directory,
      detached: true,
      env,
      stdio: ["ignore", log.fd, log.fd, "pipe"],
    });
    const claim = child.stdio[3];
    if (claim === null || claim === undefined) throw new Error("spawn made no descriptor 3");
    claim.on("data", () => undefined);
    const signal = AbortSignal.timeout(claimMs);
    await Promise.all([once(child, "spawn", { signal }), once(claim, "close", { signal })]);
    child.unref();
  } finally {
    await log.close();
  }
}

/**
 * nixos-anywhere passes StrictHostKeyChecking=no, and nix passes its own options. ssh takes the first
 * value of an option, so what stands here can't be taken back by what follows.
 */
function sshWrapper(ssh: string, directory: string): string {
  const pinned = [
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${join(directory, "known_hosts")}`,
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
  ];
  return `#!/bin/sh\nexec '${ssh}' -F none ${pinned.map((option) => `-o ${option}`).join(" ")} "$@"\n`;
}

async function findProgram(name: string, path: string): Promise<string> {
  for (const directory of path.split(":").filter(isAbsolute)) {
    const file = join(directory, name);
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable && !file.includes("'")) return file;
  }
  throw new Error(`no ${name} in PATH ${path}: install the Debian package openssh-client`);
}

async function requirePinnedKey(directory: string): Promise<void> {
  const pinned = await readFile(join(directory, "known_hosts"), "utf8").catch(() => "");
  if (pinned.trim() === "")
    throw new Error(`${directory} holds no known_hosts: identify the installer before the start`);
}
