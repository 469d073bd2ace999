import { expect, test } from "vitest";
import { installArgv } from "../../src/install/argv.ts";

const request = {
  command: ["nix", "run", "github:nix-community/nixos-anywhere", "--"],
  flake: "/srv/provisioning",
  node: "node01",
  extraFiles: "/run/extra-files",
  owners: [],
  keyFile: "/etc/rackstrap/key",
  address: "10.0.100.50",
  port: 22,
  offline: false,
};

const sshOptions =
  "--ssh-option BatchMode=yes --ssh-option ConnectTimeout=10 --ssh-option ServerAliveInterval=15 --ssh-option ServerAliveCountMax=4";
const start =
  "nix run github:nix-community/nixos-anywhere -- --flake /srv/provisioning#node01 --build-on remote -L --extra-files /run/extra-files -i /etc/rackstrap/key -p 22";

test.each([
  [false, `${start} ${sshOptions} root@10.0.100.50`],
  [true, `${start} ${sshOptions} --no-substitute-on-destination --no-disko-deps root@10.0.100.50`],
])("offline %s", (offline, expected) => {
  expect(installArgv({ ...request, offline }).join(" ")).toBe(expected);
});

test("a value with spaces stays one argument, and no phase is left out", () => {
  const argv = installArgv({ ...request, flake: "/srv/a b" });
  expect(argv).toContain("/srv/a b#node01");
  expect(argv.some((argument) => argument.startsWith("--phases"))).toBe(false);
});

test("a file that is not root's is given to its owner by number", () => {
  const owners = [["/etc/nixos/secrets/node01-key.pem", "400:400"]] as const;
  expect(installArgv({ ...request, owners }).join(" ")).toContain(
    "--extra-files /run/extra-files --chown /etc/nixos/secrets/node01-key.pem 400:400 -i",
  );
});
