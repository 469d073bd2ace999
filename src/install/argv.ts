// Builds the argv of nixos-anywhere. No secret is in it: keys and passwords are files or nothing.

export interface InstallRequest {
  /** How nixos-anywhere is started, such as `nix run github:nix-community/nixos-anywhere --`. */
  readonly command: readonly string[];
  /** The flake without its fragment. */
  readonly flake: string;
  /** Name of the node's configuration in the flake. */
  readonly node: string;
  readonly extraFiles: string;
  /** What of the extra files is not root's: path on the node, and numeric user and group. */
  readonly owners: readonly (readonly [path: string, owner: string])[];
  /** Private SSH key without a passphrase; nixos-anywhere copies it into its TMPDIR. */
  readonly keyFile: string;
  readonly address: string;
  readonly port: number;
  /** No substituter is asked, and disko's own tools are taken from the installer. */
  readonly offline: boolean;
}

// Without these, a target that dies leaves nixos-anywhere waiting for ever: with them ssh ends after a minute.
const sshOptions = [
  "BatchMode=yes",
  "ConnectTimeout=10",
  "ServerAliveInterval=15",
  "ServerAliveCountMax=4",
];

/**
 * The whole argv. Phases are left at their default on purpose: with `--phases` that lack kexec the
 * script formats whatever answers, installer or not.
 */
export function installArgv(request: InstallRequest): string[] {
  const { command, flake, node, extraFiles, owners, keyFile, address, port, offline } = request;
  return [
    ...command,
    "--flake",
    `${flake}#${node}`,
    "--build-on",
    "remote",
    // A derivation that builds for long would otherwise be taken for one that hangs.
    "-L",
    "--extra-files",
    extraFiles,
    ...owners.flatMap(([path, owner]) => ["--chown", path, owner]),
    "-i",
    keyFile,
    "-p",
    `${port}`,
    ...sshOptions.flatMap((option) => ["--ssh-option", option]),
    ...(offline ? ["--no-substitute-on-destination", "--no-disko-deps"] : []),
    `root@${address}`,
  ];
}
