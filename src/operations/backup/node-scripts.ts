// What is run on a node to lay its old data aside, to give it a snapshot, and to say whether it forms the cluster or joins it. Pure:
// shell text for root, for GNU tools and busybox alike. Each script may be cut off at any point and run again.

import { createHash } from "node:crypto";
import type { ClusterConfig } from "../../boot/cluster-config.ts";
import type { Layer } from "../../cluster/driver.ts";
import { secretsDirectory } from "../../install/extra-files.ts";

const configFile = `${secretsDirectory}/cluster-config.json`;

/** The snapshot that a layer's service begins with where it has no data and is to form the cluster (docs/cluster-api.md). */
const snapshotName = "restore.snapshot";

/** The text of a node's cluster-config.json, as an install writes it. */
export function configText(config: ClusterConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

/**
 * Stops `units` in their order, has the node told `config` (read from stdin), and moves every layer's data aside, in this order: a node
 * that restarts in between has its old data or waits to be added, and never forms a cluster.
 */
export function layAside(
  units: readonly string[],
  layers: readonly Layer[],
  operation: string,
): string {
  return [
    "set -eu",
    ...stopUnits(units, layers),
    ...writeConfig,
    ...layers.map((layer) => moveData(layer, operation)),
    "sync",
  ].join("\n");
}

function stopUnits(units: readonly string[], layers: readonly Layer[]): readonly string[] {
  return [
    // They would start the layers again. Not every system has them.
    ...layers.map((layer) => `systemctl stop ${layer}-cluster-join.service || true`),
    ...units.map((unit) => `systemctl stop ${unit}.service`),
  ];
}

const writeConfig = [
  `cat > ${configFile}.new`,
  `chmod 0644 ${configFile}.new`,
  "sync",
  `mv ${configFile}.new ${configFile}`,
];

/** The directory that a layer's data is in; a service with a dynamic user has a link there. */
const directoryOf = (layer: Layer) => `"$(readlink -f /var/lib/${layer})"`;

/** Sets n so that `$d.before-OPERATION.$n` is free: nothing that was moved aside before is overwritten. */
const findFree = (operation: string) =>
  `n=0; while [ -e "$d.before-${operation}.$n" ]; do n=$((n + 1)); done`;

/** What is not a snapshot from here is data. It keeps its owner and mode, and so does the new directory in its place. */
function moveData(layer: Layer, operation: string): string {
  return `d=${directoryOf(layer)}
if [ ! -e "$d" ] && [ -e "$d.empty" ]; then mv "$d.empty" "$d"; fi
if [ -e "$d" ] && [ -n "$(ls -A "$d" | grep -v '^${snapshotName}' || true)" ]; then
  ${findFree(operation)}
  rm -rf "$d.empty"
  mkdir -m "$(stat -c %a "$d")" "$d.empty"
  chown "$(stat -c %u:%g "$d")" "$d.empty"
  mv "$d" "$d.before-${operation}.$n"
  mv "$d.empty" "$d"
fi`;
}

/** Prints the SHA-256 of the snapshot that is in its place, or nothing. */
export function readSum(layer: Layer): string {
  return `f=${directoryOf(layer)}/${snapshotName}; if [ -e "$f" ]; then sha256sum < "$f" | cut -c1-64; fi`;
}

/** Takes one piece of a snapshot from stdin: the first begins it anew. */
export function takePiece(layer: Layer, isFirst: boolean): string {
  return `set -eu; umask 077; d=${directoryOf(layer)}; mkdir -p "$d"; cat ${isFirst ? ">" : ">>"} "$d/${snapshotName}.part"`;
}

/** Puts the snapshot in its place when all of it has arrived. */
export function placeSnapshot(layer: Layer, sha256: string): string {
  return `set -eu
d=${directoryOf(layer)}
p="$d/${snapshotName}.part"
s="$(sha256sum < "$p" | cut -c1-64)"
[ "$s" = ${sha256} ] || { echo "$p arrived damaged: its SHA-256 is $s, not ${sha256}" >&2; exit 1; }
chown "$(stat -c %u:%g "$d")" "$p"
chmod 0600 "$p"
sync
mv "$p" "$d/${snapshotName}"
sync`;
}

/**
 * Tells the node to form the cluster (`text`, also read from stdin) when every snapshot is in its place. `units` are stopped before, in
 * their order: those that a restart of the machine started wait to be added, and would go on with that. What they wrote is moved aside.
 * Where it was told already nothing is touched: its services may have begun. Only for a node that is seen to be in no cluster.
 */
export function tellBootstrap(
  text: string,
  units: readonly string[],
  snapshots: readonly { readonly layer: Layer; readonly sha256: string }[],
  operation: string,
): string {
  const sum = createHash("sha256").update(text).digest("hex");
  const layers = snapshots.map(({ layer }) => layer);
  return [
    "set -eu",
    `if [ "$(sha256sum < ${configFile} | cut -c1-64)" = ${sum} ]; then echo told; exit 0; fi`,
    ...stopUnits(units, layers),
    ...snapshots.map(
      ({ layer, sha256 }) => `d=${directoryOf(layer)}
[ "$(sha256sum < "$d/${snapshotName}" | cut -c1-64)" = ${sha256} ] || { echo "$d/${snapshotName} is not the snapshot of the backup" >&2; exit 1; }`,
    ),
    ...layers.map((layer) => leaveSnapshotAlone(layer, operation)),
    ...writeConfig,
    "sync",
  ].join("\n");
}

/** Moves what lies beside the snapshot to where a layer's data is moved, and makes sure that nothing else is left. */
function leaveSnapshotAlone(layer: Layer, operation: string): string {
  return `d=${directoryOf(layer)}
if [ "$(ls -A "$d")" != ${snapshotName} ]; then
  ${findFree(operation)}
  mkdir -m "$(stat -c %a "$d")" "$d.before-${operation}.$n"
  chown "$(stat -c %u:%g "$d")" "$d.before-${operation}.$n"
  ls -A "$d" | while IFS= read -r f; do [ "$f" = ${snapshotName} ] || mv "$d/$f" "$d.before-${operation}.$n/"; done
fi
[ "$(ls -A "$d")" = ${snapshotName} ] || { echo "$d holds more than the snapshot" >&2; exit 1; }`;
}

/** Starts units in their order, each waited for. */
export function startUnits(units: readonly string[]): string {
  return units.map((unit) => `systemctl start ${unit}.service`).join(" && ");
}
