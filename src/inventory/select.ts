// Which nodes an operator means: names, patterns, properties. Pure; it knows nothing of what is to be done with them.

/** What of a node it can be selected by. */
export interface Selectable {
  readonly name: string;
  readonly fqdn: string;
  readonly role: string;
  readonly profile: string;
  readonly powerGroup?: string | undefined;
  readonly rack?: string | undefined;
  /** Rack unit. */
  readonly position?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export type Selection<N> =
  | { readonly nodes: readonly N[] }
  /** What is wrong, and what to write instead. */
  | { readonly problem: string; readonly next: string };

export const selectorHelp =
  "names, patterns (node0*, node[01-16]), role=NAME, profile=NAME, group=NAME, rack=NAME, position=1-10, label.KEY=VALUE, all; !X leaves out";

const properties = new Map<string, (node: Selectable) => string | undefined>([
  ["role", (node) => node.role],
  ["profile", (node) => node.profile],
  ["group", (node) => node.powerGroup],
  ["rack", (node) => node.rack],
]);
// What to set so that nodes have the property.
const settings = new Map([["group", "powerGroup"]]);
const labelPrefix = "label.";

// A slip such as [1-999999999] must not fill the memory.
const maxNames = 4096;
const shownNames = 20;

/**
 * The nodes that any of `selectors` names and none of `except` does, each once: in the order of the selectors, those of one
 * selector in the order of `nodes`. A selector that begins with `!` counts as one of `except`. One that names nothing is a
 * problem, so that a slip of the pen never acts on other machines than were meant.
 */
export function selectNodes<N extends Selectable>(
  nodes: readonly N[],
  selectors: readonly string[],
  except: readonly string[] = [],
): Selection<N> {
  const wanted = selectors.filter((selector) => !selector.startsWith("!"));
  const unwanted = [
    ...selectors
      .filter((selector) => selector.startsWith("!"))
      .map((selector) => selector.slice(1)),
    ...except,
  ];
  if (wanted.length === 0)
    return { problem: "nothing says which nodes are meant", next: `write ${selectorHelp}` };
  const chosen = matchAll(nodes, wanted);
  const left = matchAll(nodes, unwanted);
  if ("problem" in chosen) return chosen;
  if ("problem" in left) return left;
  const rest = chosen.nodes.filter((node) => !left.nodes.includes(node));
  if (rest.length > 0) return { nodes: rest };
  return {
    problem: `${selectors.concat(except.map((one) => `--except ${one}`)).join(" ")} leaves no node`,
    next: "leave out fewer",
  };
}

function matchAll<N extends Selectable>(
  nodes: readonly N[],
  selectors: readonly string[],
): Selection<N> {
  const found = new Set<N>();
  for (const selector of selectors) {
    const selection = match(nodes, selector);
    if ("problem" in selection) return selection;
    for (const node of selection.nodes) found.add(node);
  }
  return { nodes: [...found] };
}

function match<N extends Selectable>(nodes: readonly N[], selector: string): Selection<N> {
  if (selector === "all") return { nodes };
  const equals = selector.indexOf("=");
  if (equals >= 0)
    return matchProperty(nodes, selector.slice(0, equals), selector.slice(equals + 1));
  const patterns = expandRanges(selector);
  if (patterns === undefined)
    return {
      problem: `${selector} is no range of names`,
      next: `write it like node[01-16] or node[01-04,07], of at most ${maxNames} names`,
    };
  const found: N[] = [];
  for (const pattern of patterns) {
    const matches = matcher(pattern);
    const hits = nodes.filter(({ name, fqdn }) => matches(name) || matches(fqdn));
    if (hits.length === 0) return unknown(nodes, selector, pattern);
    found.push(...hits);
  }
  return { nodes: found };
}

function matchProperty<N extends Selectable>(
  nodes: readonly N[],
  key: string,
  value: string,
): Selection<N> {
  if (key === "position") return matchPosition(nodes, value);
  const label = key.startsWith(labelPrefix) ? key.slice(labelPrefix.length) : undefined;
  const property = label === undefined ? properties.get(key) : labelOf(label);
  if (property === undefined)
    return {
      problem: `nodes can't be selected by ${key}=`,
      next: `use one of ${[...properties.keys(), "position", `${labelPrefix}KEY`].join("=, ")}=`,
    };
  const found = nodes.filter((node) => property(node) === value);
  if (found.length > 0) return { nodes: found };
  const known = [...new Set(nodes.map(property))].filter((one) => one !== undefined).toSorted();
  return {
    problem: `no node has ${key}=${value}`,
    next:
      known.length === 0
        ? `no node has a ${key}: set ${label === undefined ? (settings.get(key) ?? key) : "it under labels"}`
        : `there are: ${shorten(known)}`,
  };
}

/** A label is the node's own, never what every object has. */
function labelOf(label: string): (node: Selectable) => string | undefined {
  return ({ labels = {} }) => (Object.hasOwn(labels, label) ? labels[label] : undefined);
}

/** Rack units: 12, 1-10 or 1-10,21. */
function matchPosition<N extends Selectable>(nodes: readonly N[], value: string): Selection<N> {
  const ranges = value.split(",").map((part) => /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(part));
  const bounds = ranges.map(
    (range) => [Number(range?.[1]), Number(range?.[2] ?? range?.[1])] as const,
  );
  if (ranges.includes(null) || bounds.some(([first, last]) => first > last))
    return {
      problem: `${value} is no range of positions`,
      next: "write it like position=1-10 or position=1-10,21",
    };
  const found = nodes.filter(({ position }) =>
    bounds.some(([first, last]) => position !== undefined && position >= first && position <= last),
  );
  if (found.length > 0) return { nodes: found };
  const known = [...new Set(nodes.flatMap(({ position }) => position ?? []))].toSorted(
    (a, b) => a - b,
  );
  return {
    problem: `no node has position=${value}`,
    next:
      known.length === 0
        ? "no node has a position: set position"
        : `there are: ${shorten(known.map(String))}`,
  };
}

function unknown(
  nodes: readonly Selectable[],
  selector: string,
  pattern: string,
): { problem: string; next: string } {
  const within = selector === pattern ? "" : `, which ${selector} names`;
  const verb = /[*?]/.test(pattern) ? "no node's name fits" : "no node is called";
  return {
    problem: `${verb} ${pattern}${within}`,
    next: `declared are: ${shorten(nodes.map(({ name }) => name))}`,
  };
}

function shorten(names: readonly string[]): string {
  const shown = names.slice(0, shownNames).join(", ");
  return names.length > shownNames ? `${shown} and ${names.length - shownNames} more` : shown;
}

/** `node[01-03,07]` as four patterns; a name without brackets as itself. Undefined for brackets that hold no numbers. */
function expandRanges(selector: string): readonly string[] | undefined {
  const bracket = /^([^[\]]*)\[([^[\]]*)\](.*)$/.exec(selector);
  if (bracket === null) return /[[\]]/.test(selector) ? undefined : [selector];
  const [, before = "", list = "", after = ""] = bracket;
  const numbers: string[] = [];
  for (const part of list.split(",")) {
    const range = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    const [, first = "", last = first] = range ?? [];
    const count = Number(last) - Number(first) + 1;
    if (range === null || count < 1 || numbers.length + count > maxNames) return undefined;
    // As many digits as the first has: [01-16] is 01, 02 …; [1-16] is 1, 2 ….
    for (let number = Number(first); number <= Number(last); number += 1)
      numbers.push(String(number).padStart(first.length, "0"));
  }
  const rest = expandRanges(after);
  if (rest === undefined || rest.length * numbers.length > maxNames) return undefined;
  return numbers.flatMap((number) => rest.map((end) => `${before}${number}${end}`));
}

/** Whether a name fits the pattern: `*` is any text, `?` any one character. */
function matcher(pattern: string): (name: string) => boolean {
  if (!/[*?]/.test(pattern)) return (name) => name === pattern;
  const source = pattern
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replace(/\*+/g, ".*")
    .replaceAll("?", ".");
  const expression = new RegExp(`^${source}$`);
  return (name) => expression.test(name);
}
