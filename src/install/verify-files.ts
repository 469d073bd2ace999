// Looks on the installed node whether the files it was given are there as they were given: path, kind, owner, mode, content.
// Asks over SSH with the host key that was put there; changes nothing.

import type { PlacedFile } from "./extra-files.ts";
import { runOverSsh, SshError, type SshTarget, shellWord } from "./ssh.ts";

/** Every `why` is a sentence for people. */
export type FilesSighting =
  | { readonly kind: "verified" }
  /** One sentence for each file, with its path and the remedy. */
  | { readonly kind: "wrong"; readonly problems: readonly string[] }
  /** The node proves its host key and does not let the provisioning key in. */
  | { readonly kind: "no-access"; readonly why: string }
  | { readonly kind: "not-reachable"; readonly why: string };

/** `target.knownHostsFile` holds the host key that was put on the node. Rejects only on abort, and when ssh can't be run. */
export async function verifyFiles(
  target: SshTarget,
  files: readonly PlacedFile[],
  signal: AbortSignal,
): Promise<FilesSighting> {
  const options = { hostKey: "pinned", timeoutMs: 30_000 } as const;
  try {
    const problems = judgeFiles(
      files,
      await runOverSsh(target, inspection(files), options, signal),
    );
    return problems.length === 0 ? { kind: "verified" } : { kind: "wrong", problems };
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    const { kind, message: why } = error;
    return kind === "authentication" || kind === "command"
      ? { kind: "no-access", why }
      : { kind: "not-reachable", why };
  }
}

const marker = "=== rackstrap";

/** For any shell with coreutils or busybox. Prints one part for each file, in their order. */
export function inspection(files: readonly PlacedFile[]): string {
  const parts = files.map(({ path, sha256 }) => {
    const word = shellWord(path);
    const sum = sha256 === undefined ? "" : `; sha256sum < ${word}`;
    return `echo '${marker}'; { stat -c '%F|%a|%u:%g' ${word}${sum}; } 2>&1`;
  });
  return `${parts.join("\n")}\necho '${marker}'\n`;
}

/** What is wrong with the files, from what the inspection printed. */
export function judgeFiles(files: readonly PlacedFile[], report: string): string[] {
  const parts = report.split(`${marker}\n`).slice(1);
  if (parts.length !== files.length + 1)
    return [`the node told of ${Math.max(0, parts.length - 1)} of ${files.length} files`];
  return files.flatMap((file, index) => faultOf(file, parts[index] ?? "") ?? []);
}

function faultOf(file: PlacedFile, part: string): string | undefined {
  const { path, mode, owner, sha256 } = file;
  const [about = "", sum = ""] = part.split("\n");
  const [kind = "", foundMode = "", foundOwner = ""] = about.split("|");
  const wanted = sha256 === undefined ? "directory" : "regular file";
  if (foundMode === "") return `${path} is not there (${said(about)}): ${again}`;
  if (kind.replace("regular empty file", "regular file") !== wanted)
    return `${path} is a ${said(kind)} in place of a ${wanted}: ${again}`;
  if (foundOwner !== owner)
    return `${path} belongs to ${said(foundOwner)} in place of ${owner}: chown ${owner} ${path}, and have the node's configuration leave it so (pki.keyOwner sets who owns the private key)`;
  // The owner alone may read a key either way; some write-protect it too.
  const modes = mode === "600" ? ["600", "400"] : [mode];
  if (!modes.includes(foundMode))
    return `${path} has mode 0${said(foundMode)} in place of 0${mode}: chmod ${mode} ${path}, and have the node's configuration leave it so`;
  if (sha256 === undefined || sum.split(" ", 1)[0] === sha256) return undefined;
  return `${path} holds something else than was issued for this node: ${again}`;
}

const again = "have nothing in the node's configuration write it, and provision the node again";

/** What a machine printed, for people: short, and nothing that a terminal acts on. */
function said(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, " ").slice(0, 160);
}
