// A file that is generated from the inventory: where it goes in the tree, and what is in it.
// Nothing secret is ever in one.

export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}
