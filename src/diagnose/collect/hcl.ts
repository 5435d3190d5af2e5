// The parser of HCL: tree-sitter in WebAssembly, its tree handed out as plain data. Loading it is the IO that readers do not do.

import { fileURLToPath } from "node:url";
import grammarPath from "@tree-sitter-grammars/tree-sitter-hcl/tree-sitter-terraform.wasm" with { type: "file" };
import { Language, type Node, Parser } from "web-tree-sitter";
import runtimePath from "web-tree-sitter/web-tree-sitter.wasm" with { type: "file" };
import type { HclNode, HclParse, HclTree } from "../readers/config/terraform/hcl-tree.ts";

let loaded: Promise<HclParse> | undefined;

/** Loads the grammar once for the process; also inside a compiled executable, where the two files lie in it. */
export function loadHcl(): Promise<HclParse> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<HclParse> {
  const bytes = (path: string): Promise<Uint8Array> => Bun.file(localPath(path)).bytes();
  await Parser.init({ wasmBinary: await bytes(runtimePath) });
  const language = await Language.load(await bytes(grammarPath));
  return (text, base = 0) => parse(language, text, base);
}

function localPath(path: string): string {
  return path.startsWith("file:") ? fileURLToPath(path) : path;
}

/** What the grammar does not reach in a deeper nesting is of no use to anybody, and the stack is finite. */
const DEPTH_MAX = 400;
const ERROR_COUNT_MAX = 5;

function parse(language: Language, text: string, base: number): HclTree {
  const parser = new Parser();
  try {
    parser.setLanguage(language);
    const tree = parser.parse(text);
    if (tree === null) return { root: EMPTY, errors: [{ offset: 0, message: "the parser gave up" }] };
    const errors: { offset: number; message: string }[] = [];
    if (tree.rootNode.hasError) findErrors(tree.rootNode, errors, 0);
    const root = errors.length > 0 ? EMPTY : plain(tree.rootNode, base, 0);
    tree.delete();
    return { root, errors };
  } finally {
    parser.delete();
  }
}

const EMPTY: HclNode = { kind: "config_file", start: 0, end: 0, children: [] };

function plain(node: Node, base: number, depth: number): HclNode {
  const children: HclNode[] = [];
  if (depth < DEPTH_MAX) {
    for (const child of node.namedChildren) if (child.type !== "comment") children.push(plain(child, base, depth + 1));
  }
  return { kind: node.type, start: node.startIndex + base, end: node.endIndex + base, children };
}

function findErrors(node: Node, errors: { offset: number; message: string }[], depth: number): void {
  if (errors.length >= ERROR_COUNT_MAX) return;
  if (node.isMissing) errors.push({ offset: node.startIndex, message: `expected ${node.type}` });
  else if (node.isError) errors.push({ offset: node.startIndex, message: `not HCL: ${firstWords(node.text)}` });
  else if (node.hasError && depth < DEPTH_MAX) for (const child of node.children) findErrors(child, errors, depth + 1);
  if (depth === 0 && errors.length === 0) errors.push({ offset: 0, message: "not HCL" });
}

function firstWords(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  return line.length > 40 ? `"${line.slice(0, 40)}..."` : `"${line}"`;
}
