// What the files of a node hold besides the inventory: what was seen of its machine, and who may log in. All of it public.

export interface HardwareFacts {
  /** As Nix names it. Absent: `x86_64-linux`. */
  readonly system?: "x86_64-linux" | "aarch64-linux" | undefined;
  readonly cpu?: "intel" | "amd" | undefined;
  /** What its disks, and its network card, need before root is mounted. Absent: what common servers need. */
  readonly initrdModules?: readonly string[] | undefined;
}

export interface NixosFacts {
  /** Public keys in the form of authorized_keys: root of each node accepts them. */
  readonly sshKeys: readonly string[];
  /** By node name; a node that is not in it gets a description that fits common servers. */
  readonly hardware: ReadonlyMap<string, HardwareFacts>;
}

const publicKey = /^(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]{32,}={0,3}(?: [ -~]*)?$/;
const kernelModule = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** Throws for what is no public key, a private key above all: everything in these files can be read by every user of the node. */
export function checkFacts({ sshKeys, hardware }: NixosFacts): void {
  const wrongKey = sshKeys.findIndex((key) => !publicKey.test(key));
  if (wrongKey !== -1)
    throw new Error(
      `SSH key ${wrongKey + 1} is not one line of a public key: give the file that ends with .pub`,
    );
  for (const [name, { initrdModules = [] }] of hardware) {
    const wrong = initrdModules.find((module) => !kernelModule.test(module));
    if (wrong !== undefined)
      throw new Error(`node ${name}: ${JSON.stringify(wrong)} is no name of a kernel module`);
  }
}
