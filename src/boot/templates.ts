// The Handlebars templates of the boot scripts: ours, and in front of them the site's own, for one node, for a profile
// or for all. Files that are named by us and by the inventory only; nothing that a machine sent is part of a path.

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import Handlebars from "handlebars";
import { messageOf } from "../net/error-text.ts";
import { identityOf } from "./asset-file.ts";
import { scriptFault } from "./script-check.ts";

export type Values = Readonly<Record<string, string | number | boolean>>;

/** For whom a script is made; a machine in no inventory has neither. */
export interface ScriptOwner {
  readonly name: string;
  readonly profile: string;
}

/** A template that is missing, does not compile, or makes no sound script. The message begins with its file. */
class TemplateError extends Error {}

export interface Templates {
  /** Fills the template that is nearest to `owner`. Throws a TemplateError. */
  render(name: string, owner: ScriptOwner | undefined, values: Values): string;
  /** Fills the product's own template, whatever the site has. */
  renderOwn(name: string, values: Values): string;
}

type Compiled = (values: Values) => string;

/** Compiles `names` and the partial `leave` of `directory`; throws when one is missing. The site's are read when they are used and have changed. */
export function loadTemplates(
  directory: string,
  siteDirectory: string | undefined,
  names: readonly string[],
): Templates {
  const handlebars = Handlebars.create();
  const fileName = (name: string) => `${name}.ipxe.hbs`;
  const own = (name: string) => join(directory, fileName(name));
  handlebars.registerPartial("leave", readFileSync(own("leave"), "utf8"));
  // Kernel arguments are no HTML, and a value that is not there is a mistake, not an empty word.
  const options = { noEscape: true, strict: true, knownHelpersOnly: true } as const;
  const compile = (file: string) =>
    handlebars.compile<Values>(readFileSync(file, "utf8"), options) as Compiled;
  const compiled = new Map(names.map((name) => [name, compile(own(name))]));

  const siteFile = (name: string, owner: ScriptOwner | undefined): string | undefined => {
    if (siteDirectory === undefined) return undefined;
    const folders = owner === undefined ? [] : [`nodes/${owner.name}`, `profiles/${owner.profile}`];
    return [...folders, "."]
      .map((folder) => join(siteDirectory, folder, fileName(name)))
      .find((file) => existsSync(file));
  };
  /** By file: as many as the site has. Compiling takes ten times as long as filling. */
  const ofSite = new Map<string, { readonly identity: string; readonly template: Compiled }>();
  const siteTemplate = (file: string): Compiled => {
    const identity = identityOf(statSync(file, { bigint: true }));
    const known = ofSite.get(file);
    if (known?.identity === identity) return known.template;
    const template = compile(file);
    ofSite.set(file, { identity, template });
    return template;
  };
  const renderOwn = (name: string, values: Values) => {
    const template = compiled.get(name);
    if (template === undefined) throw new Error(`no template is called ${name}`);
    return fill(fileName(name), template, values);
  };
  return {
    renderOwn,
    render: (name, owner, values) => {
      const file = siteFile(name, owner);
      if (file === undefined) return renderOwn(name, values);
      return fill(file, (given) => siteTemplate(file)(given), values);
    },
  };
}

function fill(file: string, template: Compiled, values: Values): string {
  for (const [key, value] of Object.entries(values)) {
    // `#!`, `${` and backtick are refused by rule; `;`, `&&` and `||` separate commands in iPXE.
    const found = /[\r\n`;\0]|\$\{|#!|&&|\|\|/.exec(String(value));
    if (found !== null)
      throw new TemplateError(
        `${file}: ${key} must not hold ${JSON.stringify(found[0])}: ${JSON.stringify(value)}`,
      );
  }
  let script: string;
  try {
    script = template(values);
  } catch (cause) {
    throw new TemplateError(`${file}: ${messageOf(cause).replaceAll(/\s+/g, " ")}`, { cause });
  }
  const fault = scriptFault(script);
  if (fault !== undefined) throw new TemplateError(`${file}: ${fault}`);
  return script;
}
