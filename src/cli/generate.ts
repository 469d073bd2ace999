// rackstrap generate: what the inventory says, as files for other programs. Shows the difference; writes only with --write.

import { existsSync, readFileSync } from "node:fs";
import { basename, isAbsolute, join, relative, resolve } from "node:path";
import { type Command, Option } from "commander";
import { formationShape } from "../api/shapes.ts";
import { bootstrapDocuments } from "../generate/cluster-config-files.ts";
import { type Generated, generate, generators } from "../generate/generators.ts";
import { type Action, plan } from "../generate/plan.ts";
import type { ClusterState, Site } from "../generate/site.ts";
import {
  look,
  openTree,
  readFiles,
  type Tree,
  type TreeFault,
  writeTree,
} from "../generate/tree.ts";
import type { Inventory } from "../inventory/schema.ts";
import { CliError, type ExitCode, exitCodeFor, exitCodes } from "./exit.ts";
import { actionDiff, countLine, refusedLines } from "./generate-text.ts";
import { type Done, optionsOf, printJson } from "./output.ts";
import { connect, type GlobalOptions, requireInventory } from "./server.ts";
import { printable } from "./table.ts";

interface GenerateOptions extends GlobalOptions {
  readonly into?: string;
  readonly write?: boolean;
  readonly only?: readonly string[];
  readonly force?: readonly string[];
  readonly offlineBootstrap?: boolean;
  /** The difference is shown as well when it is written. */
  readonly diff?: boolean;
}

export function addGenerateCommand(program: Command, done: Done): void {
  const names = generators.map(({ name }) => name);
  program
    .command("generate")
    .description("show what the inventory makes of the files of other programs, as a difference")
    .option("--into <dir>", "the tree they are in; without it the folder that is install.flake")
    .option("--write", "write them, except what was edited by hand")
    .addOption(new Option("--only <what...>", "these alone").choices(names))
    .option("--force <file...>", "overwrite or remove this file although it was edited by hand")
    .option(
      "--offline-bootstrap",
      "where no server answers, take the cluster as never formed: cluster-config.json may say bootstrap",
    )
    .action(async (_options, command: Command) => {
      done(await run(optionsOf<GenerateOptions>(command)));
    });
}

/** Writes these files into `into`, with the difference, for a command that changed what the inventory says. */
export async function generateInto(
  into: string,
  only: readonly string[],
  globals: GlobalOptions,
): Promise<ExitCode> {
  return await run({ ...globals, into, only, write: true, diff: true });
}

async function run(options: GenerateOptions): Promise<ExitCode> {
  const inventory = requireInventory(options.inventory);
  const only = new Set(options.only ?? generators.map(({ name }) => name));
  const tree = accept(openTree(directoryOf(options, inventory)));
  const generated = await generateFor(options, inventory, only, tree);
  const { files, complete, skipped } = generated;
  const named = options.only !== undefined && complete.size === 0 ? skipped[0] : undefined;
  if (named !== undefined)
    throw new CliError(exitCodes.failed, `no ${named.generator}: ${named.skipped}`, named.next);
  const paths = new Set([...files.map(({ path }) => path), ...tree.manifest.keys()]);
  const disk = readFiles(tree.root, paths);
  if (skipped.some(({ generator }) => generator === "cluster-config"))
    for (const path of bootstrapDocuments(disk))
      console.error(`${path} is of an earlier run and says "bootstrap": do not give it to a node`);
  const actions = plan({
    ...{ files, complete, manifest: tree.manifest, disk },
    forced: forcedPaths(options.force ?? [], tree.root, paths),
  });
  return options.write === true
    ? await write(options, tree, actions, generated)
    : preview(options, tree, actions, generated);
}

async function generateFor(
  options: GenerateOptions,
  inventory: Inventory,
  only: ReadonlySet<string>,
  { root }: Tree,
): Promise<Generated> {
  const site: Site = {
    inventory,
    // It ends up in comments of files that other programs read.
    source: printable(basename(options.inventory ?? "")),
    cluster: only.has("cluster-config")
      ? await clusterState(options, inventory)
      : { state: "unknown", reason: "it was not asked for", next: "" },
    sshKeys: installKeys(inventory),
    previous: (path) => {
      const there = look(root, path);
      return there?.kind === "file" ? there.text : undefined;
    },
    nowMs: Date.now(),
  };
  return generate(site, only);
}

/** The public half of the key that opens the installer; none before the server has made it. */
function installKeys({ install, server }: Inventory): readonly string[] {
  const file = `${install.sshKey ?? join(server.stateDirectory, "ssh", "id_ed25519")}.pub`;
  return existsSync(file) ? [readFileSync(file, "utf8").trim()] : [];
}

/** The server's word counts. Only where none answers may the operator's stand in for it. */
async function clusterState(options: GenerateOptions, inventory: Inventory): Promise<ClusterState> {
  const { name } = inventory.cluster;
  try {
    const formation = await connect(options).get("/api/cluster/formation", formationShape);
    if (formation.cluster === name) return formation;
    return {
      state: "unknown",
      reason: `the server knows the cluster ${formation.cluster}, and this inventory is of ${name}`,
      next: "name the server of this inventory with --api and --token-file",
    };
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== exitCodes.unreachable) throw error;
    if (options.offlineBootstrap === true) return { state: "unformed" };
    return {
      state: "unknown",
      reason: `whether cluster ${name} exists is not known: ${error.message}`,
      next: "start the server, or say with --offline-bootstrap that the cluster was never formed",
    };
  }
}

/** A flake may lie in a local folder or anywhere else; only the first can be written. */
function directoryOf({ into }: GenerateOptions, { install }: Inventory): string {
  if (into !== undefined) return resolve(into);
  const folder = install.flake.replace(/^path:/, "");
  if (isAbsolute(folder) && !/[?#]/.test(folder)) return folder;
  throw new CliError(
    exitCodes.usage,
    `install.flake is ${install.flake}, which is no local folder`,
    "say where the files are with --into DIR",
  );
}

/** Each as a path in the tree, written as one or as a path to it. Throws for what generate has nothing to do with. */
function forcedPaths(
  forced: readonly string[],
  root: string,
  known: ReadonlySet<string>,
): ReadonlySet<string> {
  return new Set(
    forced.map((text) => {
      const path = [text, relative(root, resolve(text))].find((one) => known.has(one));
      if (path !== undefined) return path;
      throw new CliError(
        exitCodes.usage,
        `--force ${text} is nothing that would be generated into ${root}`,
        "name a file as the preview does: leave --force and --write out to see it",
      );
    }),
  );
}

function preview(
  options: GenerateOptions,
  { root }: Tree,
  actions: readonly Action[],
  { skipped }: Generated,
): ExitCode {
  const clean = actions.every(({ kind }) => kind !== "edited" && kind !== "blocked");
  if (options.json === true)
    printJson({ directory: root, written: false, skipped, files: actions.map(fileView) });
  else {
    const pending = actions.some(({ kind }) => ["create", "update", "remove"].includes(kind));
    for (const line of actions.flatMap(actionDiff)) console.log(line);
    for (const line of refusedLines(actions)) console.log(line);
    console.log(`${printable(root)}: ${countLine(actions)}`);
    if (pending) console.log("nothing was written: add --write");
    warn(skipped);
  }
  return clean ? exitCodes.ok : exitCodes.failed;
}

async function write(
  options: GenerateOptions,
  tree: Tree,
  actions: readonly Action[],
  { skipped }: Generated,
): Promise<ExitCode> {
  const { done, failed } = accept(await writeTree(tree, actions));
  if (options.json === true) {
    const why = new Map(failed.map((one) => [one.path, one.why]));
    const files = actions.map((action) => ({ ...fileView(action), failed: why.get(action.path) }));
    printJson({ directory: tree.root, written: true, skipped, files });
  } else {
    if (options.diff === true) for (const line of actions.flatMap(actionDiff)) console.log(line);
    for (const { kind, path } of done) {
      if (kind !== "keep" && kind !== "forget") console.log(`${doneWords[kind]} ${path}`);
    }
    for (const line of refusedLines(actions)) console.error(line);
    const told = new Set(
      actions.flatMap(({ kind, path }) => (kind === "edited" || kind === "blocked" ? [path] : [])),
    );
    for (const { path, why } of failed)
      if (!told.has(path)) console.error(printable(`failed: ${path}: ${why}`));
    console.log(`${printable(tree.root)}: ${countLine(actions)}`);
    warn(skipped);
  }
  return exitCodeFor([...done.map(() => true), ...failed.map(() => false)]);
}

const doneWords = {
  create: "created",
  update: "changed",
  remove: "removed",
  edited: "",
  blocked: "",
} as const satisfies Partial<Record<Action["kind"], string>>;

function fileView(action: Action) {
  const { path, by, kind } = action;
  const diff = actionDiff(action);
  return {
    ...{ path, by, action: kind },
    ...(kind === "edited" ? { foreign: action.foreign } : {}),
    ...(kind === "blocked" ? { why: action.why } : {}),
    ...(diff.length === 0 ? {} : { diff: `${diff.join("\n")}\n` }),
  };
}

function warn(skipped: Generated["skipped"]): void {
  for (const { generator, skipped: why, next } of skipped) {
    console.error(printable(`not generated: ${generator}: ${why}`));
    console.error(printable(`  next: ${next}`));
  }
}

function accept<T extends object>(result: T | TreeFault): T {
  if ("fault" in result) throw new CliError(exitCodes.failed, printable(result.fault), result.next);
  return result as T;
}
