// Writes docs/diagnose.md from the tables of stages and causes: node docs/generate-diagnose.ts

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Causes } from "../src/diagnose/cause.ts";
import { bootCauses } from "../src/diagnose/causes-boot.ts";
import { nodeCauses } from "../src/diagnose/causes-node.ts";
import { stages } from "../src/diagnose/diagnose.ts";

export const diagnoseFile = join(import.meta.dirname, "diagnose.md");

/** The document: how a diagnosis is made, the stages, and every cause with its one command. */
export function renderDiagnose(): string {
  return `# What keeps a machine

Generated from \`src/diagnose/\` by \`node docs/generate-diagnose.ts\`; a test fails when it is stale.

\`rackstrap diagnose NODE|MAC\` looks at everything that can tell how far a machine came, all of it at the same time and within ten
seconds: the timeline, the newest operation and its install run, this server's services, assets, interfaces and firewall, the BMC, the
installer or the installed system over SSH (one command that only reads, to the pinned host key), the node's ports and certificate from
outside, and the cluster's members. Nothing is changed, also not on the node. What could not be asked is \`unknown\` and never counts as
missing. Lines of a journal are shown without PEM blocks, passwords and tokens, twenty at most.

The stages stand in the order in which one needs the other: a wrong clock spoils certificates, a certificate the services, these the join.
The verdict is the first missing stage. Once the installer or the installed system proves that it runs now (by its host key, its certificate,
its membership), what is missing before that (a BMC password, this server's DHCP) is the verdict only while nothing later is missing.

The exit code is 0 when nothing is missing and 1 when something is. The same as JSON: \`--json\`, or \`GET /api/diagnose/NODE|MAC\`.

\`\`\`
ok       ssh          it answers at 10.0.200.10 with the host key of its install
ok       clock        it agrees with this server's
ok       certificate  its certificate is in force until 2027-06-02T12:00:00.000Z
ok       resources    there is room
missing  services     iam.service is failed (failed, exit-code): listen tcp 0.0.0.0:8080: bind: addre…
ok       ports        chainfire 2379, flaredb 2479, iam 8080 answer

verdict  services: iam.service is failed (failed, exit-code): listen tcp 0.0.0.0:8080: bind: address
         already in use; nginx listens on port 8080
cause    port-taken (certain, runbook E10)
means    another program holds the service's port (address in use)
next     ssh root@10.0.200.10 "ss -tlnp"

  listen tcp 0.0.0.0:8080: bind: address already in use
\`\`\`

## The stages

| stage | reached when |
|---|---|
${stages.map(({ name, title }) => `| \`${name}\` | ${title} |`).join("\n")}

A MAC in no inventory has two: \`dhcp\`, and \`declared\`.

## The causes

\`certain\`: it was seen. \`likely\`: it is what usually is behind it. \`possible\`: nothing else is left. The runbook column has the item of the
site's runbook that names the cause.

### Up to the installed system

${table(bootCauses)}

### On the installed node

${table(nodeCauses)}
`;
}

function table(causes: Causes): string {
  const rows = Object.entries(causes).map(
    ([id, { means, runbook = "", confidence, next }]) =>
      `| \`${id}\` | ${means} | ${runbook} | ${confidence} | \`${next}\` |`,
  );
  return ["| cause | meaning | runbook | evidence | next |", "|---|---|---|---|---|", ...rows].join(
    "\n",
  );
}

if (import.meta.main) writeFileSync(diagnoseFile, renderDiagnose());
