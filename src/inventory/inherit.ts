// Nodes inherit from their profile: whatever a profile says besides its role is a default for its nodes.
// Works on the file as plain data, before it is validated.

type Path = readonly (string | number)[];
type PlainMap = Readonly<Record<string, unknown>>;

/** The same data with each node completed by its profile: maps key by key, everything else replaced as a whole. */
export function inheritFromProfiles(file: unknown): unknown {
  if (!isPlainMap(file) || !isPlainMap(file["nodes"])) return file;
  const nodes = Object.entries(file["nodes"]).map(([name, node]): [string, unknown] => [
    name,
    isPlainMap(node) ? merge(defaultsOf(file, node), node) : node,
  ]);
  return { ...file, nodes: Object.fromEntries(nodes) };
}

/** Where the value at `path` of a completed file was written: with the node, else with its profile. */
export function writtenAt(file: unknown, path: Path): Path {
  const [section, name, ...rest] = path;
  const nodes = isPlainMap(file) ? file["nodes"] : undefined;
  if (section !== "nodes" || !isPlainMap(file) || !isPlainMap(nodes)) return path;
  const node = nodes[String(name)];
  if (!isPlainMap(node) || rest.length === 0 || isWritten(node, rest)) return path;
  return isWritten(defaultsOf(file, node), rest)
    ? ["profiles", String(node["profile"]), ...rest]
    : path;
}

function defaultsOf(file: PlainMap, node: PlainMap): PlainMap {
  const profiles = file["profiles"];
  const name = node["profile"];
  const known = isPlainMap(profiles) && typeof name === "string" && Object.hasOwn(profiles, name);
  const profile = known ? profiles[name] : undefined;
  if (!isPlainMap(profile)) return {};
  const { role: _role, ...defaults } = profile;
  return defaults;
}

function merge(defaults: PlainMap, own: PlainMap): PlainMap {
  const merged: Record<string, unknown> = { ...defaults };
  for (const [key, value] of Object.entries(own)) {
    const inherited = merged[key];
    merged[key] = isPlainMap(inherited) && isPlainMap(value) ? merge(inherited, value) : value;
  }
  return merged;
}

function isWritten(value: unknown, path: Path): boolean {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return false;
    at = (at as PlainMap)[key];
  }
  return true;
}

function isPlainMap(value: unknown): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
