// The Handlebars templates of what machines run: ours, and in front of them the site's own, for one node, for a profile
// or for all. Files that are named by us and by the inventory only; nothing that a machine sent is part of a path.

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import Handlebars from "handlebars";
import { messageOf } from "../net/error-text.ts";
import { identityOf } from "./asset-file.ts";

/** What the texts of one kind are written in. */
export interface Language {
  /** Its templates are called NAME.EXTENSION.hbs. */
  readonly extension: string;
  /** Templates that the others of this language may include. */
  readonly partials: readonly string[];
  /** What no value may hold: it would end its line or its quotes, or begin a command. */
  readonly forbidden: RegExp;
  /** How one of several words is written. */
  readonly word: (word: string) => string;
  /** What is wrong with a whole text. */
  readonly fault: (text: string) => string | undefined;
}

/** Several words are filled in with a space between them. */
export type Values = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** For whom a text is made; a machine in no inventory has neither. */
interface TextOwner {
  readonly name: string;
  readonly profile: string;
}

/** A template that is missing, does not compile, or makes no sound text. The message begins with its file. */
class TemplateError extends Error {}

export interface Templates {
  /** Fills the template that is nearest to `owner`. Throws a TemplateError. */
  render(name: string, owner: TextOwner | undefined, values: Values): string;
  /** Fills the product's own template, whatever the site has. */
  renderOwn(name: string, values: Values): string;
}

type Compiled = (values: unknown) => string;

/** Compiles `names` and the partials of `directory`; throws when one is missing. The site's are read when they are used and have changed. */
export function loadTemplates(
  directory: string,
  siteDirectory: () => string | undefined,
  language: Language,
  names: readonly string[],
): Templates {
  const handlebars = Handlebars.create();
  const fileName = (name: string) => `${name}.${language.extension}.hbs`;
  const own = (name: string) => join(directory, fileName(name));
  for (const name of language.partials)
    handlebars.registerPartial(name, readFileSync(own(name), "utf8"));
  // Kernel arguments are no HTML, and a value that is not there is a mistake, not an empty word.
  const options = { noEscape: true, strict: true, knownHelpersOnly: true } as const;
  const compile = (file: string): Compiled =>
    handlebars.compile(readFileSync(file, "utf8"), options);
  const compiled = new Map(names.map((name) => [name, compile(own(name))]));

  const siteFile = (name: string, owner: TextOwner | undefined): string | undefined => {
    const site = siteDirectory();
    if (site === undefined) return undefined;
    const folders = owner === undefined ? [] : [`nodes/${owner.name}`, `profiles/${owner.profile}`];
    return [...folders, "."]
      .map((folder) => join(site, folder, fileName(name)))
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
    return fill(language, fileName(name), template, values);
  };
  return {
    renderOwn,
    render: (name, owner, values) => {
      const file = siteFile(name, owner);
      if (file === undefined) return renderOwn(name, values);
      return fill(language, file, (given) => siteTemplate(file)(given), values);
    },
  };
}

function fill(language: Language, file: string, template: Compiled, values: Values): string {
  const given = Object.entries(values).map(([key, value]) => [
    key,
    written(language, `${file}: ${key}`, value),
  ]);
  let text: string;
  try {
    text = template(Object.fromEntries(given));
  } catch (cause) {
    throw new TemplateError(`${file}: ${messageOf(cause).replaceAll(/\s+/g, " ")}`, { cause });
  }
  const fault = language.fault(text);
  if (fault !== undefined) throw new TemplateError(`${file}: ${fault}`);
  return text;
}

/** The value as its template gets it. `where` is said of one that is refused. */
function written(
  { forbidden, word }: Language,
  where: string,
  value: Values[string],
): string | number | boolean {
  const parts = typeof value === "object" ? value : [String(value)];
  for (const part of parts) {
    const found = forbidden.exec(part) ?? (typeof value === "object" ? /\s|^$/.exec(part) : null);
    if (found !== null)
      throw new TemplateError(
        `${where} must not hold ${JSON.stringify(found[0])}: ${JSON.stringify(part)}`,
      );
  }
  return typeof value === "object" ? value.map(word).join(" ") : value;
}
