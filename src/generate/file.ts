// What the generators make: texts with the place that each belongs to. Nothing here writes them.

export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}
