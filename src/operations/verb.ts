// What every procedure of an operator's is: a draft that changes nothing, and a plan of steps that the runner moves along.

import type { z } from "zod";
import type { InventoryTexts } from "../inventory/files.ts";
import { findNode } from "../inventory/find.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { CaInForce } from "../pki/in-force.ts";
import type { CertificateStore } from "../pki/issued.ts";
import type { SiteFile } from "./backup/folder.ts";
import type { Closures } from "./closures.ts";
import type { Confirmation, Evidence, Operation, OperationKind } from "./operation.ts";
import type { ProvisionTools } from "./provision.ts";
import type { Plan } from "./result.ts";
import type { WorkloadAccess } from "./workload-access.ts";

/** What verbs work with. */
export interface OperationTools extends ProvisionTools {
  readonly workload: WorkloadAccess;
  readonly closures: Closures;
  readonly authority: CaInForce;
  readonly certificates: CertificateStore;
  readonly files: InventoryFiles;
  /** The site's own files as they are now: the inventory, and what is generated from it. Throws what the disk says. */
  readonly siteFiles: () => readonly SiteFile[];
  /** Program and version, as backups name it. */
  readonly madeBy: string;
}

/** The inventory as it stands on the disk. */
export interface InventoryFiles {
  /** The file that names the others. */
  readonly main: string;
  read(): InventoryTexts;
  /** Has the server take the files as they are; why it did not, in sentences. */
  reload(): Promise<readonly string[]>;
}

/** What an operator asked for, as it came in. */
export interface Order {
  readonly verb: OperationKind;
  /** Names of declared nodes; empty for a verb about the whole cluster. */
  readonly nodes: readonly string[];
  /** What else was said, as the verb reads it. */
  readonly options: Evidence;
  /** The nodes whose names were typed to go against the quorum budget. */
  readonly force: readonly string[];
}

/** Why an order is not carried out. */
export interface OrderRefusal {
  readonly reason: string;
  readonly next: string;
  /** The nodes whose typed names lift it. Absent: nothing does. */
  readonly liftedBy?: readonly string[];
}

/** One operation that an order would start. */
export interface DraftedOperation {
  /** The node it is about; the cluster's name where it is about several. */
  readonly node: string;
  /** Those that nothing else may touch meanwhile. */
  readonly nodes: readonly string[];
  /** All that its plan needs to know, over restarts too. */
  readonly parameters: Evidence;
  /** Nodes that are brought up together with it; absent: its own. */
  readonly batch?: readonly string[];
  readonly confirmed?: Confirmation | undefined;
}

/** What an order would do, and why it would not. */
export interface Draft {
  readonly operations: readonly DraftedOperation[];
  /** One sentence for each thing that is lost. */
  readonly destroys: readonly string[];
  /** The quorum sum of each layer and each taking. */
  readonly quorum: readonly string[];
  /** What else a person should know before they say yes; lines of a diff, too. */
  readonly notes: readonly string[];
  readonly refusals: readonly OrderRefusal[];
}

export interface Verb {
  /** It takes machines or members away, or may: it runs alone in its cluster. */
  readonly disruptive: boolean;
  /** It is disruptive to what begins beside it, and takes nobody away itself: it may begin while new nodes are installed. */
  readonly takesNobody?: true;
  /** What may be said besides the nodes; anything else is refused. */
  readonly options: z.ZodType;
  /** Looks, and changes nothing; also with the cluster down. `chosen` are the nodes of the order. */
  readonly draft: (tools: OperationTools, chosen: readonly Node[], order: Order) => Promise<Draft>;
  /** The same steps each time it is asked for the same operation and inventory. Throws where there can be none any more. */
  readonly plan: (tools: OperationTools, operation: Operation) => Plan;
  /** One that ended badly may go on where it stopped, rather than be started anew. */
  readonly resumable: (operation: Operation) => boolean;
  /** What it does hangs on what it finds: the same order, once more, would mean something else. */
  readonly unrepeatable?: true;
}

export const always = () => true;
export const never = () => false;

/** An install is begun anew, for its files and keys are gone; once its node is a voter only looks are left. */
export function onceJoined({ steps }: Pick<Operation, "steps">): boolean {
  return steps.some(({ id, status }) => id === "join" && status === "done");
}

/** What the steps of one operation work with: the inventory that its plan was made from, and the one in force. */
export interface Work extends Omit<OperationTools, "inventory"> {
  readonly inventory: Inventory;
  readonly inForce: LiveInventory;
  readonly operation: Operation;
}

/** A node of an operation, as it is declared now. Throws one sentence where the inventory no longer has it. */
export function declaredFor(inventory: Inventory, { id }: Operation, name: string): Node {
  const node = findNode(inventory, name);
  if (node !== undefined) return node;
  throw new Error(
    `operation ${id} is for node ${name}, which the inventory no longer has: put it back, cancel the operation, then remove it`,
  );
}

/** The one node that an operation is about. Throws like `declaredFor`. */
export function subject(
  { inventory }: Pick<OperationTools, "inventory">,
  operation: Operation,
): Node {
  return declaredFor(inventory(), operation, operation.node);
}

export function workOf(tools: OperationTools, operation: Operation): Work {
  return { ...tools, inventory: tools.inventory(), inForce: tools.inventory, operation };
}
