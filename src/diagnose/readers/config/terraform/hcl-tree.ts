// The syntax tree of a Terraform file as plain data: what a parser of HCL hands to the readers. Kinds are those of the grammar
// tree-sitter-hcl; unnamed tokens and comments are left out.

export interface HclNode {
  readonly kind: string;
  /** Offsets in the text, UTF-16 code units; end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly children: readonly HclNode[];
}

export interface HclTree {
  readonly root: HclNode;
  /** Where the text is no HCL, in order; the tree is of no use then. */
  readonly errors: readonly { readonly offset: number; readonly message: string }[];
}

/** `base`: the offset of the text's first character, where the text is one of several. Default 0. */
export type HclParse = (text: string, base?: number) => HclTree;

export function childOf(node: HclNode, kind: string): HclNode | undefined {
  return node.children.find((child) => child.kind === kind);
}
