// The commands that put certificate files onto an installed node, for any POSIX shell with coreutils or busybox. Pure. Contents are read
// from standard input and stand in no command.
//
// Files are replaced as one set. Before the first rename there is a copy of each (FILE.previous), and a list of them (`replacing`): while that
// list lies there, the set may be half replaced, and the copies are the one that fits together. Whoever comes next puts them back first. The
// copies stay until what took their place is proven, and are not overwritten before. While they are forgotten, another list (`forgetting`) lies
// there, so that half of them is never put back.

import { secretsDirectory } from "../../install/extra-files.ts";
import { shellWord } from "../../install/ssh.ts";

export interface DeliveredFile {
  /** Below the secrets folder: `node01-key.pem`. */
  readonly name: string;
  readonly text: string;
  /** Octal. */
  readonly mode: "600" | "644";
  /** Numeric: user and group. */
  readonly owner: string;
}

/** The files of a node that can be replaced: what it trusts and, with a certificate, both of the pair. */
export function certificateFiles(
  node: string,
  given: {
    readonly caCertPem: string;
    readonly pair?: { readonly certPem: string; readonly keyPem: string } | undefined;
    readonly keyOwner: string;
  },
): readonly DeliveredFile[] {
  const { caCertPem, pair, keyOwner } = given;
  const open = { mode: "644", owner: "0:0" } as const;
  return [
    { name: "ca-cert.pem", text: caCertPem, ...open },
    ...(pair === undefined
      ? []
      : [
          { name: `${node}-key.pem`, text: pair.keyPem, mode: "600" as const, owner: keyOwner },
          { name: `${node}-cert.pem`, text: pair.certPem, ...open },
        ]),
  ];
}

/** Completes what was interrupted: puts back a set that is half replaced, forgets one that is half forgotten. */
const recover = `forget() {
  for old in "$1.previous" "$1.previous.new" "$1.new" "$1.back"; do
    if [ -e "$old" ]; then shred -u "$old" 2>/dev/null || rm -f "$old"; fi
  done
}
list() {
  to=$1
  shift
  printf '%s\\n' "$@" > "$to.new"
  sync "$to.new"
  mv -f "$to.new" "$to"
  sync
}
recover() {
  if [ -e replacing ]; then
    while IFS= read -r file; do
      if [ -e "$file.previous" ]; then cp -p "$file.previous" "$file.back"; sync "$file.back"; mv -f "$file.back" "$file"; fi
    done < replacing
    sync
    rm -f replacing
    sync
  fi
  if [ -e forgetting ]; then
    while IFS= read -r file; do forget "$file"; done < forgetting
    sync
    rm -f forgetting
    sync
  fi
}
recover`;

/** Replaces all of `files` or none; may be repeated. Its input is `deliveryInput` of the same files. */
export function replaceScript(
  files: readonly Pick<DeliveredFile, "name" | "mode" | "owner">[],
): string {
  const names = files.map(({ name }) => shellWord(name)).join(" ");
  return script(`${recover}
${files
  .map(({ name, mode, owner }) => {
    const unfinished = shellWord(`${name}.new`);
    return `rm -f ${unfinished}
IFS= read -r line
printf %s "$line" | base64 -d > ${unfinished}
test -s ${unfinished}
chown ${shellWord(owner)} ${unfinished}
chmod ${mode} ${unfinished}
sync ${unfinished}`;
  })
  .join("\n")}
for file in ${names}; do
  rm -f "$file.previous.new"
  if [ -e "$file" ] && [ ! -e "$file.previous" ]; then cp -p "$file" "$file.previous.new"; sync "$file.previous.new"; mv -f "$file.previous.new" "$file.previous"; fi
done
list replacing ${names}
for file in ${names}; do mv -f "$file.new" "$file"; done
sync
rm -f replacing
sync`);
}

/** What `replaceScript` reads: a line for each file. */
export function deliveryInput(files: readonly Pick<DeliveredFile, "text">[]): string {
  return files.map(({ text }) => `${Buffer.from(text).toString("base64")}\n`).join("");
}

/** Puts the files back that the last replacement kept; nothing where it has been settled. */
export function restoreScript(files: readonly Pick<DeliveredFile, "name">[]): string {
  const names = files.map(({ name }) => shellWord(name)).join(" ");
  return script(`${recover}
kept=
for file in ${names}; do if [ -e "$file.previous" ]; then kept=yes; fi; done
if [ -n "$kept" ]; then list replacing ${names}; recover; fi
for file in ${names}; do forget "$file"; done
sync`);
}

/** Forgets the files that the last replacement kept: the key among them is one that would still be good. */
export function settleScript(files: readonly Pick<DeliveredFile, "name">[]): string {
  const names = files.map(({ name }) => shellWord(name)).join(" ");
  return script(`${recover}
list forgetting ${names}
recover`);
}

/** Under `sh`, whatever root's shell is; nobody else can read what is written. */
function script(body: string): string {
  return `exec sh -c ${shellWord(`set -eu
umask 077
cd ${secretsDirectory}
${body}`)}`;
}

/** Prints the SHA-256 of each file, in their order; `absent` for one that is not there, or half replaced. */
export function sumsScript(files: readonly Pick<DeliveredFile, "name">[]): string {
  const names = files.map(({ name }) => shellWord(name)).join(" ");
  return script(`for file in ${names}; do
  if [ ! -e replacing ] && [ -e "$file" ]; then sha256sum < "$file"; else echo absent; fi
done`);
}
