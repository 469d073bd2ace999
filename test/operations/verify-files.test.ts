import { expect, test } from "vitest";
import type { FilesView, StepContext } from "../../src/operations/provision.ts";
import type { Attempt } from "../../src/operations/result.ts";
import { verifyFiles } from "../../src/operations/steps/verify-files.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
const [node] = inventory.nodes;

async function outcome(view: FilesView) {
  const install = { verifyFiles: async () => view };
  const step = verifyFiles({ node, install, inventory } as unknown as StepContext);
  return await step.run({} as Attempt, new AbortController().signal);
}

test("files that were read on the node are verified, each by name", async () => {
  expect(await outcome({ kind: "verified", paths: ["/a", "/b"] })).toEqual({
    kind: "done",
    evidence: { verified: "files", files: ["/a", "/b"] },
  });
});

test("a certificate that was only shown is said to be no more than that", async () => {
  const view = { kind: "presented", at: "10.0.200.10:2379", why: "no key" } as const;
  expect(await outcome(view)).toEqual({
    kind: "done",
    evidence: { verified: "handshake only", shownAt: view.at, filesNotRead: "no key" },
  });
});

test("a file that is wrong fails the operation with its problem and what to do", async () => {
  expect(
    await outcome({ kind: "wrong", problems: ["/k has mode 0644", "/c is not there"] }),
  ).toEqual({
    kind: "failed",
    reason: "node node01 does not have what was issued for it: /k has mode 0644; /c is not there",
    next: "correct it, then provision again: rackstrap provision node01",
  });
});

test("a node that does not answer yet is waited for", async () => {
  expect(await outcome({ kind: "absent", why: "refused" })).toMatchObject({
    kind: "wait",
    why: "refused",
  });
});
