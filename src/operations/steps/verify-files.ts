// Proves that the node has what was issued for it: each file read on the node itself, or, where it lets nobody in, what it shows to others.
// What was not looked at is said to be so.

import type { StepContext } from "../provision.ts";
import { done, failed, type Step, wait } from "../result.ts";

export function verifyFiles({ node, install, inventory }: StepContext): Step {
  return {
    id: "files",
    title: "verify certificates and secrets on the node",
    // Where the files can't be read, the service that shows its certificate has to come up first.
    deadlineMs: inventory.timeouts.joinSeconds * 1000,
    next: `on node ${node.name} read: journalctl -u chainfire; to have its files looked at, let the provisioning key in as root`,
    run: async (_attempt, signal) => {
      const view = await install.verifyFiles(signal);
      switch (view.kind) {
        case "verified":
          return done({ verified: "files", files: view.paths });
        case "presented":
          return done({ verified: "handshake only", shownAt: view.at, filesNotRead: view.why });
        case "wrong":
          return failed(
            `node ${node.name} does not have what was issued for it: ${view.problems.join("; ")}`,
            `correct it, then provision again: rackstrap provision ${node.name}`,
          );
        case "absent":
          return wait(2000, view.why);
      }
    },
  };
}
