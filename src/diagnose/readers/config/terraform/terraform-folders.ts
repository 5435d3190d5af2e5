// Terraform files by folder: each folder is a module with the values of variables that Terraform itself would take, and a folder
// that another one calls is read as often as it is called, with what the call hands over. Nothing is looked for outside of what
// was given.

import type { TextFrame } from "../../../../text/text-frame.ts";
import { HclEvaluator } from "./hcl-evaluator.ts";
import { type HclBlock, HclModule } from "./hcl-module.ts";
import { childOf, type HclNode } from "./hcl-tree.ts";
import { type HclValue, unknownValue } from "./hcl-values.ts";

export interface TerraformFile {
  readonly path: string;
  /** undefined: it is no HCL. */
  readonly root: HclNode | undefined;
}

/** Blocks that refer to each other. */
export interface TerraformModule {
  readonly blocks: readonly HclBlock[];
}

interface Folder {
  readonly path: string;
  readonly roots: HclNode[];
  /** Values that Terraform takes without being told to, in its order. */
  readonly own: TerraformFile[];
  /** Values for `-var-file`: which of them counts, if any, is not known. */
  readonly others: TerraformFile[];
}

/** Calls within calls, and all modules together. */
const DEPTH_MAX = 8;
const MODULE_COUNT_MAX = 500;
/** What a call says that is not for a variable. */
const META_ARGUMENTS: readonly string[] = ["source", "version", "providers", "count", "for_each", "depends_on"];

export function isVariablesFile(path: string): boolean {
  return /\.tfvars(?:\.json)?$/.test(path);
}

/** Every module of the files, each call by itself. */
export function terraformModules(files: readonly TerraformFile[], frame: TextFrame): TerraformModule[] {
  return new Folders(files, frame).modules();
}

class Folders {
  readonly #frame: TextFrame;
  readonly #folders = new Map<string, Folder>();
  readonly #callCounts = new Map<string, number>();
  readonly #found: TerraformModule[] = [];

  constructor(files: readonly TerraformFile[], frame: TextFrame) {
    this.#frame = frame;
    for (const { path, root } of files)
      if (!isVariablesFile(path) && root !== undefined) this.#folder(folderOf(path)).roots.push(root);
    for (const file of files) if (isVariablesFile(file.path)) this.#place(file);
    for (const folder of this.#folders.values()) folder.own.sort((a, b) => orderOf(a.path, b.path));
  }

  modules(): TerraformModule[] {
    for (const folder of this.#folders.values()) {
      for (const source of this.#sourcesIn(folder)) {
        const called = this.#called(folder, source);
        if (called !== undefined) this.#callCounts.set(called.path, (this.#callCounts.get(called.path) ?? 0) + 1);
      }
    }
    const tops = [...this.#folders.values()].filter((folder) => !this.#callCounts.has(folder.path));
    for (const folder of tops) {
      const prefix = tops.length === 1 || folder.path === "" ? "" : `${folder.path}/`;
      this.#read(folder, { prefix, given: this.#valuesOf(folder), isShared: false }, 0);
    }
    return this.#found;
  }

  #folder(path: string): Folder {
    const folder = this.#folders.get(path) ?? { path, roots: [], own: [], others: [] };
    this.#folders.set(path, folder);
    return folder;
  }

  /** A file of values belongs to the module it lies in or below: `env/prod.tfvars` is given to the module above it. */
  #place(file: TerraformFile): void {
    const own = folderOf(file.path);
    for (let path: string | undefined = own; path !== undefined; path = parentOf(path)) {
      const folder = this.#folders.get(path);
      if (folder === undefined) continue;
      (path === own && isAutomatic(file.path) ? folder.own : folder.others).push(file);
      return;
    }
  }

  #sourcesIn(folder: Folder): string[] {
    return folder.roots.flatMap((root) =>
      (childOf(root, "body")?.children ?? []).flatMap((block) => {
        if (block.kind !== "block" || this.#slice(block.children[0]) !== "module") return [];
        const source = attributesOf(childOf(block, "body")).find(([name]) => this.#slice(name) === "source");
        const text = source === undefined ? undefined : new HclEvaluator(this.#frame, nothing).value(source[1]).scalar;
        return typeof text === "string" ? [text] : [];
      }),
    );
  }

  #called(folder: Folder, source: string): Folder | undefined {
    return /^\.\.?(?:\/|$)/.test(source) ? this.#folders.get(normal(`${folder.path}/${source}`)) : undefined;
  }

  /** What terraform.tfvars and `*.auto.tfvars` say; what another file may say instead is untold. */
  #valuesOf(folder: Folder): Map<string, HclValue> {
    const values = new Map<string, HclValue>();
    for (const { root } of folder.own) for (const [name, value] of this.#assignments(root)) values.set(name, value);
    for (const { root } of folder.others)
      for (const [name, value] of this.#assignments(root)) values.set(name, unknownValue(value.node));
    // What such a file says that nobody can read, it may say of any variable.
    if ([...folder.own, ...folder.others].some((one) => one.root === undefined)) {
      for (const root of folder.roots) for (const name of this.#variablesIn(root)) values.set(name, unknownValue(root));
    }
    return values;
  }

  #variablesIn(root: HclNode): string[] {
    return (childOf(root, "body")?.children ?? []).flatMap((block) => {
      const [kind, label] = block.children;
      return this.#slice(kind) === "variable" ? [this.#slice(label).replaceAll('"', "")] : [];
    });
  }

  #assignments(root: HclNode | undefined): [string, HclValue][] {
    if (root === undefined) return [];
    const evaluator = new HclEvaluator(this.#frame, nothing);
    const object = objectOf(root);
    if (object !== undefined)
      return [...(evaluator.value(object).map ?? [])].map(([name, child]) => [name, child.value]);
    return attributesOf(childOf(root, "body")).map(([name, value]) => [this.#slice(name), evaluator.value(value)]);
  }

  #read(folder: Folder, call: Pick<Call, "prefix" | "given" | "isShared">, depth: number): void {
    if (depth > DEPTH_MAX || this.#found.length >= MODULE_COUNT_MAX) return;
    const blocks = new HclModule({ roots: folder.roots, file: this.#frame, ...call }).blocks();
    this.#found.push({ blocks });
    for (const block of blocks) {
      if (block.kind !== "module") continue;
      const called = this.#called(folder, block.body.get("source").text ?? "");
      if (called === undefined) continue;
      const given = new Map<string, HclValue>();
      for (const [name, { value }] of block.value.map ?? []) if (!META_ARGUMENTS.includes(name)) given.set(name, value);
      const isShared = call.isShared || block.name.endsWith("]") || (this.#callCounts.get(called.path) ?? 0) > 1;
      this.#read(called, { prefix: `${block.address}.`, given, isShared }, depth + 1);
    }
  }

  #slice(node: HclNode | undefined): string {
    return node === undefined ? "" : this.#frame.text.slice(node.start, node.end);
  }
}

interface Call {
  readonly prefix: string;
  readonly given: ReadonlyMap<string, HclValue>;
  readonly isShared: boolean;
}

function nothing(): undefined {
  return undefined;
}

function attributesOf(body: HclNode | undefined): [HclNode, HclNode][] {
  return (body?.children ?? []).flatMap((one): [HclNode, HclNode][] => {
    const [name, value] = one.children;
    return one.kind === "attribute" && name !== undefined && value !== undefined ? [[name, value]] : [];
  });
}

/** The one object that a file of JSON is. */
function objectOf(root: HclNode): HclNode | undefined {
  const [only] = root.children;
  return only?.kind === "object" ? only : undefined;
}

function isAutomatic(path: string): boolean {
  return /(?:^|\/)terraform\.tfvars(?:\.json)?$|\.auto\.tfvars(?:\.json)?$/.test(path);
}

/** terraform.tfvars, then its JSON, then the others by name: the later wins. */
function orderOf(a: string, b: string): number {
  const rank = (path: string): string =>
    `${/(?:^|\/)terraform\.tfvars$/.test(path) ? 0 : /(?:^|\/)terraform\.tfvars\.json$/.test(path) ? 1 : 2}${path}`;
  const [left, right] = [rank(a), rank(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function folderOf(path: string): string {
  return normal(path.slice(0, Math.max(0, path.lastIndexOf("/"))) || (path.startsWith("/") ? "/" : ""));
}

/** The folder above; undefined where the path does not tell it. */
function parentOf(path: string): string | undefined {
  if (path === "" || path === "/" || path === ".." || path.endsWith("/..")) return undefined;
  return folderOf(path);
}

/** Without `.`, and with `..` taken back where something is there to be taken. */
export function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return `${path.startsWith("/") ? "/" : ""}${parts.join("/")}`;
}
