// Writes docs/states.md from the table of node states: node docs/generate-states.ts

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { events, type NodeState, nextState, states } from "../src/nodes/state.ts";

export const statesFile = join(import.meta.dirname, "states.md");

/** The document: a Mermaid state diagram and one sentence per state. */
export function renderStates(): string {
  const names = Object.keys(states) as NodeState[];
  const moves = names.flatMap((from) =>
    events.flatMap((event) => {
      const to = nextState(from, event);
      return to === undefined ? [] : [`    ${from} --> ${to}: ${event}`];
    }),
  );
  const sentences = names.map((name) => `- **${name}**: ${states[name]}.`);
  return `# Node states

Generated from \`src/nodes/state.ts\` by \`node docs/generate-states.ts\`; a test fails when it is stale.
Every move that the diagram does not show is refused.

\`\`\`mermaid
stateDiagram-v2
    [*] --> registered
${moves.join("\n")}
\`\`\`

${sentences.join("\n")}
`;
}

if (import.meta.main) writeFileSync(statesFile, renderStates());
