// Which accelerator the virtual rack takes, asked of the real QEMU.

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bootsFromNetwork } from "../../vm-harness/accelerator.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

test("software emulation comes through the firmware to the program", async () => {
  expect(await bootsFromNetwork("tcg", { timeoutMs: 50_000 })).toBe(true);
});

test("one whose QEMU stops inside the firmware with an error is not taken", async () => {
  const qemu = join(temporaryDirectory(), "qemu");
  writeFileSync(qemu, "#!/bin/sh\necho KVM internal error. Suberror: 1 >&2\nexec sleep 90\n");
  chmodSync(qemu, 0o755);
  expect(await bootsFromNetwork("kvm", { qemu, timeoutMs: 90_000 })).toBe(false);
});
