// The inventory as a JSON Schema, for editors. They learn keys, values and descriptions from it; what must hold between values,
// and what must not be missing where a profile or another file may have it, only the loader knows.

import { z } from "zod";
import { inventorySchema } from "./schema.ts";
import { alternativesOf } from "./values.ts";

export interface JsonSchema {
  type?: unknown;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  [other: string]: unknown;
}

const ownOfNode = ["mac", "profile", "provisioningAddress", "productionAddress"];

/** JSON Schema, draft 2020-12, of an inventory file or of one that is included. */
export function inventoryJsonSchema(): JsonSchema {
  const schema = toJson(inventorySchema);
  delete schema.required;
  for (const section of Object.values(schema.properties ?? {})) delete section.required;
  const node = recordOf(schema, "nodes");
  const profile = recordOf(schema, "profiles");
  node.required = ownOfNode;
  const address = bmcAddress(node);
  const bmc = profile.properties?.["bmc"];
  if (node.properties !== undefined && bmc !== undefined)
    node.properties["bmc"] = { ...bmc, properties: { kind: {}, address, ...bmc.properties } };
  return { title: "rackstrap inventory", ...schema };
}

function toJson(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const ways = alternativesOf(zodSchema);
      if (ways.length > 0)
        Object.assign(jsonSchema, {
          anyOf: ways.map((way) => {
            const { $schema: _dialect, ...plain } = toJson(way);
            return plain;
          }),
        });
      // Editors would write defaults out, and an inventory says what differs.
      delete jsonSchema.default;
    },
  }) as JsonSchema;
}

function recordOf(schema: JsonSchema, section: string): JsonSchema {
  const entry = schema.properties?.[section]?.additionalProperties;
  if (typeof entry !== "object") throw new Error(`${section} is no map in the schema`);
  return entry;
}

function bmcAddress(node: JsonSchema): JsonSchema {
  return node.properties?.["bmc"]?.oneOf?.[0]?.properties?.["address"] ?? {};
}
