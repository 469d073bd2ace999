// Is every service that the inventory puts on a node healthy (runbook §6.1, requirements D9 to D14, D18, D19)?

import type { Node } from "../inventory/schema.ts";
import type { ServiceName } from "../inventory/services.ts";
import { error, ok, warning } from "../preflight/line.ts";
import { type HealthFacts, isObject, judgeHealth } from "./health.ts";
import type { VerifyLine } from "./line.ts";
import type { Probes, ServiceAnswer } from "./probes.ts";
import { membersOf, type Scope } from "./scope.ts";

type ServiceProbes = Pick<Probes, "ask" | "addressesOf" | "shell" | "iamToken">;

/** Where FlashDNS answers /health; its port 53 speaks DNS alone. */
export const flashdnsHealthPort = 853;
const kubectlMs = 8000;

export async function checkServices(
  scope: Scope,
  probes: ServiceProbes,
  signal: AbortSignal,
): Promise<readonly VerifyLine[]> {
  const facts = { members: membersOf(scope, "chainfire") };
  const token = await iamTokenOf(probes);
  const asked = scope.nodes.flatMap((node) =>
    node.services.map((service) => checkService(scope, probes, { node, service, facts }, signal)),
  );
  const iams = scope.nodes
    .filter(({ services }) => token.kind === "read" && services.includes("iam"))
    .map((node) => checkUsers(scope, probes, node, token, signal));
  return [...(await Promise.all(asked)).flat(), ...token.lines, ...(await Promise.all(iams))];
}

interface Asked {
  readonly node: Node;
  readonly service: ServiceName;
  readonly facts: HealthFacts;
}

async function checkService(
  scope: Scope,
  probes: ServiceProbes,
  asked: Asked,
  signal: AbortSignal,
): Promise<readonly VerifyLine[]> {
  const { node, service } = asked;
  switch (service) {
    case "k8shost":
      return [await checkKubernetes(probes, node, signal)];
    case "flashdns": {
      const name = checkName(scope, probes, node);
      return [await checkHealth(scope, probes, { ...asked, service }, signal), await name];
    }
    case "plasmavmc": {
      const machines = checkMachines(scope, probes, node, signal);
      return [await checkHealth(scope, probes, { ...asked, service }, signal), await machines];
    }
    default:
      return [await checkHealth(scope, probes, { ...asked, service }, signal)];
  }
}

async function checkHealth(
  { inventory }: Scope,
  probes: ServiceProbes,
  { node, service, facts }: Asked & { readonly service: Exclude<ServiceName, "k8shost"> },
  signal: AbortSignal,
): Promise<VerifyLine> {
  const subject = subjectOf(node, service);
  const port = service === "flashdns" ? flashdnsHealthPort : inventory.services[service].port;
  const answer = await probes.ask(node, { port, method: "GET", path: "/health" }, signal);
  if (answer.kind === "failed") return error(subject, answer.why, whatToRead(node, service));
  const { shown, findings } = judgeHealth(service, answer.status, answer.body, facts);
  const grave = findings.filter(({ level }) => level === "error");
  const [first] = findings;
  if (first === undefined) return ok(subject, shown);
  const told = (grave.length > 0 ? grave : findings).map(({ text }) => text).join("; ");
  const line = grave.length > 0 ? error : warning;
  return line(subject, told, whatToRead(node, service));
}

async function checkName(
  { inventory }: Scope,
  probes: ServiceProbes,
  node: Node,
): Promise<VerifyLine> {
  const subject = { area: "services", title: `${node.name} flashdns query` } as const;
  const { port } = inventory.services.flashdns;
  const asked = `${node.productionAddress}:${port}`;
  const zone =
    "see that FlashDNS has the zone: rackstrap generate --only dns shows what belongs there";
  try {
    const found = await probes.addressesOf(node, port, node.fqdn);
    if (found.includes(node.productionAddress))
      return ok(subject, `${node.fqdn} is ${found.join(", ")}`);
    const text = `${asked} says ${node.fqdn} is ${found.join(", ") || "nothing"}, and the inventory says ${node.productionAddress}`;
    return error(subject, text, zone);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "no answer";
    if (code === "ENOTFOUND" || code === "ENODATA")
      return error(subject, `${asked} has no record of ${node.fqdn}`, zone);
    const text = `${asked} did not answer a query over UDP (${code})`;
    return error(subject, text, whatToRead(node, "flashdns"));
  }
}

async function checkMachines(
  { inventory }: Scope,
  probes: ServiceProbes,
  node: Node,
  signal: AbortSignal,
): Promise<VerifyLine> {
  const subject = { area: "services", title: `${node.name} plasmavmc VMs` } as const;
  const { port } = inventory.services.plasmavmc;
  const answer = await probes.ask(node, { port, method: "GET", path: "/api/vms" }, signal);
  if (isDenied(answer))
    return warning(
      subject,
      "GET /api/vms is not allowed without a login",
      "nothing, where that is meant: /health says how many run",
    );
  return listLine(subject, answer, "vms", "/api/vms", whatToRead(node, "plasmavmc"));
}

async function checkUsers(
  { inventory }: Scope,
  probes: ServiceProbes,
  node: Node,
  token: IamToken,
  signal: AbortSignal,
): Promise<VerifyLine> {
  const subject = { area: "services", title: `${node.name} iam users` } as const;
  const { port } = inventory.services.iam;
  const bearer = token.kind === "read" ? token.secret : undefined;
  const request = { port, method: "GET", path: "/api/users", bearer } as const;
  const answer = await probes.ask(node, request, signal);
  if (isDenied(answer))
    return error(
      subject,
      "IAM does not accept the token of verify.iamToken",
      "put one that may list users where verify.iamToken says",
    );
  return listLine(subject, answer, "users", "/api/users", whatToRead(node, "iam"));
}

type IamToken =
  | { readonly kind: "none"; readonly lines: readonly VerifyLine[] }
  | {
      readonly kind: "read";
      readonly secret: Awaited<NonNullable<ReturnType<Probes["iamToken"]>>>;
      readonly lines: readonly VerifyLine[];
    };

async function iamTokenOf(probes: Pick<Probes, "iamToken">): Promise<IamToken> {
  const reading = probes.iamToken();
  if (reading === undefined) return { kind: "none", lines: [] };
  try {
    return { kind: "read", secret: await reading, lines: [] };
  } catch (cause) {
    // The reader's own sentence: it names the reference, never the value.
    const why = cause instanceof Error ? cause.message : "it can't be read";
    const subject = { area: "services", title: "iam token" } as const;
    const next = "correct verify.iamToken, or leave it out: then no users are asked for";
    return { kind: "none", lines: [error(subject, why, next)] };
  }
}

function isDenied(answer: ServiceAnswer): boolean {
  return answer.kind === "answered" && (answer.status === 401 || answer.status === 403);
}

/** A list, or an object that has it under `key`, is all that is asked for. */
function listLine(
  subject: { readonly area: "services"; readonly title: string },
  answer: ServiceAnswer,
  key: string,
  path: string,
  next: string,
): VerifyLine {
  if (answer.kind === "failed") return error(subject, answer.why, next);
  const { status, body } = answer;
  if (status < 200 || status > 299)
    return error(subject, `GET ${path} answers HTTP ${status}`, next);
  const list = isObject(body) ? body[key] : body;
  if (!Array.isArray(list)) return error(subject, `GET ${path} answers no list of ${key}`, next);
  return ok(subject, `${list.length} ${key}`);
}

async function checkKubernetes(
  { shell }: ServiceProbes,
  node: Node,
  signal: AbortSignal,
): Promise<VerifyLine> {
  const subject = subjectOf(node, "k8shost");
  const command = "kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes --no-headers";
  const answer = await shell.run(node, command, { timeoutMs: kubectlMs }, signal);
  if (answer.ok) return kubernetesLine(node, answer.stdout);
  if (answer.kind === "unknown-key")
    return warning(subject, `not asked: ${answer.why}`, unknownKeyNext(node));
  return error(subject, answer.why, whatToRead(node, "k8shost"));
}

/** Of a table NAME STATUS ROLES AGE VERSION. */
function kubernetesLine(node: Node, table: string): VerifyLine {
  const subject = subjectOf(node, "k8shost");
  const rows = table
    .split("\n")
    .map((row) => row.trim().split(/\s+/))
    .filter(([name]) => name !== "");
  const next = `on ${node.name}: kubectl --kubeconfig=/etc/kubernetes/admin.conf describe node`;
  const own = rows.find(([name]) => name === node.name || name === node.fqdn);
  if (own === undefined) {
    const listed = rows.map(([name]) => name).join(", ") || "none";
    return error(subject, `kubectl get nodes does not list it (listed: ${listed})`, next);
  }
  const [, state = ""] = own;
  const states = state.split(",");
  if (!states.includes("Ready")) return error(subject, `Kubernetes calls it ${state}`, next);
  if (states.length > 1)
    return warning(
      subject,
      `Kubernetes calls it ${state}`,
      `kubectl uncordon ${own[0]}, once it may have work again`,
    );
  return ok(subject, `Ready, one of ${rows.length}`);
}

/** What to do about a node whose SSH host key nobody knows. */
export function unknownKeyNext(node: Node): string {
  return `it is kept when a node is installed from here: rackstrap provision ${node.name}, when it may be wiped`;
}

function subjectOf(node: Node, service: ServiceName) {
  return { area: "services", title: `${node.name} ${service}` } as const;
}

function whatToRead(node: Node, service: ServiceName): string {
  return `on ${node.name}: systemctl status ${service}; journalctl -u ${service} -n 100`;
}
