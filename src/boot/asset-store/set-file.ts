// set.json: what an imported asset set consists of. It stands beside the kernel and the initrd and is never changed.

import { createHash } from "node:crypto";
import { z } from "zod";
import { commandLine } from "../command-line.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Profile names as the inventory has them. */
export const profilePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const idPattern = /^[0-9a-f]{16}$/;

const imageShape = z.strictObject({ sizeBytes: z.int().positive(), sha256 });

const shape = z.strictObject({
  format: z.literal(1),
  profile: z.string().regex(profilePattern),
  id: z.string().regex(idPattern),
  arch: z.enum(["x86_64", "aarch64"]),
  /** `bzImage`, or `Image` on aarch64: also the file's name. */
  kernelName: z.enum(["bzImage", "Image"]),
  kernelVersion: z.string().optional(),
  /** The build that `init=` belongs to, such as nixos-system-nixos-26.05.20260601.abcdef. */
  buildId: z.string(),
  importedAt: z.iso.datetime(),
  kernel: imageShape,
  initrd: imageShape,
  /** Kernel arguments, `init=` first. */
  arguments: z.array(z.string()).min(1).readonly(),
});

export type SetFile = Readonly<z.output<typeof shape>>;

export const setFileName = "set.json";

/**
 * Names a set by its content: the first 16 hexadecimal digits of a SHA-256 over both sums and the arguments. The same
 * image has the same version wherever it lies, in the store or in a folder that was filled by hand.
 */
export function setVersion(
  set: Pick<SetFile, "arguments"> &
    Readonly<Record<"kernel" | "initrd", { readonly sha256: string }>>,
): string {
  return createHash("sha256")
    .update([set.kernel.sha256, set.initrd.sha256, ...set.arguments].join("\n"))
    .digest("hex")
    .slice(0, 16);
}

/** The build's name out of `init=/nix/store/HASH-NAME/init`; the whole path when it is none of Nix. */
export function buildIdOf(kernelArguments: readonly string[]): string {
  const init =
    kernelArguments.find((word) => word.startsWith("init="))?.slice("init=".length) ?? "";
  return /^\/nix\/store\/[a-z0-9]+-([^/]+)\//.exec(init)?.[1] ?? init;
}

/** Reads set.json. Its own id must follow from what it says, so that an edited one does not pass. Never throws. */
export function parseSetFile(text: string): SetFile | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: `${setFileName} is no JSON` };
  }
  const parsed = shape.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { problem: `${setFileName}: ${issue?.path.join(".")}: ${issue?.message}` };
  }
  const line = commandLine({ cmdline: parsed.data.arguments.join(" ") });
  if ("problem" in line) return { problem: `${setFileName}: ${line.problem}` };
  return setVersion(parsed.data) === parsed.data.id
    ? parsed.data
    : { problem: `${setFileName} does not describe the set ${parsed.data.id} that it names` };
}

export function formatSetFile(set: SetFile): string {
  return `${JSON.stringify(set, undefined, 2)}\n`;
}
