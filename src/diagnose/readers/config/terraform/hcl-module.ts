// One Terraform module, that is the files of a folder: its resources, data sources and modules as maps to walk, with variables,
// locals, for_each and count worked out where the files tell them.

import type { TextFrame } from "../../../../text/text-frame.ts";
import type { Placed } from "../../placed.ts";
import { HclEvaluator, type HclNames } from "./hcl-evaluator.ts";
import { childOf, type HclNode } from "./hcl-tree.ts";
import { type HclChild, type HclValue, isKnown, placedValue, withoutEntries } from "./hcl-values.ts";

export interface HclBlock {
  readonly kind: "resource" | "data" | "module";
  /** Of a resource or data source: `aws_subnet`; of a module empty. */
  readonly type: string;
  /** With its key or index where for_each or count is known: `private["a"]`, `private[0]`. */
  readonly name: string;
  /** As Terraform gives it, within all that is read: `module.net.aws_subnet.private["a"]`; this is its id. */
  readonly address: string;
  /** Attributes by name; nested blocks as lists by name. */
  readonly body: Placed;
  readonly value: HclValue;
}

/** How many resources one block may become. */
const INSTANCE_COUNT_MAX = 256;

export interface HclModuleParts {
  /** Of the files; their offsets are those of `file`. */
  readonly roots: readonly HclNode[];
  readonly file: TextFrame;
  /** Stands before the address of everything in it. */
  readonly prefix?: string;
  /** Values of variables, from a call or from tfvars; what is not known is untold, whatever its default. */
  readonly given?: ReadonlyMap<string, HclValue>;
  /** Called more than once: what is deleted for one call goes for the others, too. */
  readonly isShared?: boolean;
}

export class HclModule {
  readonly file: TextFrame;
  readonly #prefix: string;
  readonly #given: ReadonlyMap<string, HclValue>;
  readonly #isShared: boolean;
  readonly #useCounts = new Map<string, number>();
  readonly #variables = new Map<string, HclNode>();
  readonly #locals = new Map<string, HclNode>();
  readonly #resources = new Map<string, HclNode>();
  readonly #modules: HclNode[] = [];
  readonly #inProgress = new Set<string>();

  constructor({ roots, file, prefix = "", given = new Map(), isShared = false }: HclModuleParts) {
    this.file = file;
    this.#prefix = prefix;
    this.#given = given;
    this.#isShared = isShared;
    for (const root of roots) {
      const body = childOf(root, "body");
      for (const block of body?.children ?? []) if (block.kind === "block") this.#declare(block);
      this.#countUses(this.#slice(root));
    }
  }

  #countUses(text: string): void {
    for (const [name] of text.matchAll(/\b(?:var|local)\.[\w-]+/g))
      this.#useCounts.set(name, (this.#useCounts.get(name) ?? 0) + 1);
  }

  /** Every resource, data source and module, those of for_each and count one by one where they are known. */
  blocks(): HclBlock[] {
    const blocks: HclBlock[] = [];
    for (const node of [...this.#resources.values(), ...this.#modules]) blocks.push(...this.#expand(node));
    return blocks;
  }

  #declare(block: HclNode): void {
    const [kind = "", first = "", second = ""] = this.#labels(block);
    const body = childOf(block, "body");
    if (kind === "variable") {
      const fallback = this.#attribute(body, "default");
      if (fallback !== undefined) this.#variables.set(first, fallback);
    } else if (kind === "locals") {
      for (const attribute of body?.children ?? []) {
        const [name, value] = attribute.children;
        if (attribute.kind === "attribute" && name !== undefined && value !== undefined)
          this.#locals.set(this.#slice(name), value);
      }
    } else if (kind === "resource") this.#resources.set(`${first}.${second}`, block);
    else if (kind === "data") this.#resources.set(`data.${first}.${second}`, block);
    else if (kind === "module") this.#modules.push(block);
  }

  /** The block's kind and its labels. */
  #labels(block: HclNode): string[] {
    return block.children
      .filter((child) => child.kind === "identifier" || child.kind === "string_lit")
      .map((child) => this.#slice(child).replace(/^"|"$/g, ""));
  }

  #attribute(body: HclNode | undefined, name: string): HclNode | undefined {
    for (const attribute of body?.children ?? []) {
      const [key, value] = attribute.children;
      if (attribute.kind === "attribute" && key !== undefined && this.#slice(key) === name) return value;
    }
    return undefined;
  }

  #expand(node: HclNode): HclBlock[] {
    const [kind = "", first = "", second = ""] = this.#labels(node);
    const [type, name] = kind === "module" ? ["", first] : [first, second];
    const body = childOf(node, "body");
    const base = `${this.#prefix}${kind === "resource" ? "" : `${kind}.`}${type === "" ? "" : `${type}.`}${name}`;
    const block = (suffix: string, scope: Scope): HclBlock => {
      const own = this.#body(body, node, scope);
      // What one text says for several is not deleted for one of them.
      const value = this.#isShared || suffix !== "" ? withoutEntries(own) : own;
      const placed = placedValue(value, this.file);
      const address = `${base}${suffix}`;
      return { kind: kind as HclBlock["kind"], type, name: `${name}${suffix}`, address, body: placed, value };
    };
    const unknown = [block("", {})];
    const each = this.#attribute(body, "for_each");
    const count = this.#attribute(body, "count");
    if (each !== undefined) {
      const instances = this.#each(this.#evaluator({}).value(each), "each");
      return instances?.map(({ key, scope }) => block(`["${key}"]`, scope)) ?? unknown;
    }
    if (count === undefined) return unknown;
    const times = this.#evaluator({}).value(count).scalar;
    if (typeof times !== "number" || !Number.isInteger(times) || times < 0) return unknown;
    const known = Math.min(times, INSTANCE_COUNT_MAX);
    return Array.from({ length: known }, (_, index) =>
      block(`[${index}]`, { count: { node, map: new Map([["index", child({ node, scalar: index })]]) } }),
    );
  }

  /** What `each` or a dynamic block's iterator is, one scope for each element; undefined when that is not known. */
  #each(value: HclValue, name: string): { readonly key: string; readonly scope: Scope }[] | undefined {
    const elements: [string, HclValue][] = [];
    for (const [key, { value: item }] of value.map ?? []) elements.push([key, item]);
    for (const [index, { value: item }] of (value.list ?? []).entries()) {
      const key = name === "each" ? item.scalar : index;
      if (key === undefined || key === null) return undefined;
      elements.push([String(key), item]);
    }
    if (value.map === undefined && value.list === undefined) return undefined;
    return elements.slice(0, INSTANCE_COUNT_MAX).map(([key, item]) => {
      const map = new Map([
        ["key", child({ node: value.node, scalar: key })],
        ["value", child(item)],
      ]);
      return { key, scope: { [name]: { node: value.node, map } } };
    });
  }

  #body(body: HclNode | undefined, node: HclNode, scope: Scope): HclValue {
    const evaluator = this.#evaluator(scope);
    const map = new Map<string, HclChild>();
    const nested = new Map<string, HclChild[]>();
    const add = (name: string, value: HclValue): void => {
      nested.set(name, [...(nested.get(name) ?? []), child(value)]);
    };
    for (const one of body?.children ?? []) {
      if (one.kind === "attribute") {
        const [key, value] = one.children;
        if (key === undefined || value === undefined) continue;
        map.set(this.#slice(key), { value: evaluator.value(value), entry: this.#lines(one) });
      } else if (one.kind === "block") {
        const [name = "", label = ""] = this.#labels(one);
        if (name === "dynamic") for (const value of this.#dynamic(one, label, scope)) add(label, value);
        else add(name, this.#body(childOf(one, "body"), one, scope));
      }
    }
    for (const [name, list] of nested)
      if (!map.has(name)) map.set(name, child({ node: list[0]?.value.node ?? node, list }));
    return { node, map };
  }

  /** `dynamic "set"`: its content once for each element; nothing where the elements are not known. */
  #dynamic(block: HclNode, label: string, scope: Scope): HclValue[] {
    const body = childOf(block, "body");
    const each = this.#attribute(body, "for_each");
    const content = body?.children.find((one) => one.kind === "block" && this.#labels(one)[0] === "content");
    if (each === undefined || content === undefined) return [];
    const iterator = this.#attribute(body, "iterator");
    const name = iterator === undefined ? label : this.#slice(iterator);
    const instances = this.#each(this.#evaluator(scope).value(each), name) ?? [];
    return instances.map((one) => this.#body(childOf(content, "body"), content, { ...scope, ...one.scope }));
  }

  /** The lines of an attribute; undefined when it shares them. */
  #lines(attribute: HclNode): { start: number; end: number } | undefined {
    const { text } = this.file;
    const start = text.lastIndexOf("\n", attribute.start - 1) + 1;
    const rest = /[ \t]*(?:(?:#|\/\/)[^\n]*)?(?:\r?\n|$)/y;
    rest.lastIndex = attribute.end;
    return text.slice(start, attribute.start).trim() === "" && rest.test(text)
      ? { start, end: rest.lastIndex }
      : undefined;
  }

  #evaluator(scope: Scope): HclEvaluator {
    return new HclEvaluator(this.file, (path, node) => this.#resolve(path, node, scope));
  }

  #resolve(path: readonly (string | number)[], node: HclNode, scope: Scope): ReturnType<HclNames> {
    const [first = "", second = "", ...rest] = path;
    const scoped = Object.hasOwn(scope, first) ? scope[first] : undefined;
    if (scoped !== undefined) return { value: scoped, rest: path.slice(1) };
    if (first === "var") return this.#variable(String(second), rest);
    if (first === "local") return this.#named(`local.${second}`, this.#locals.get(String(second)), rest);
    const depth = first === "data" ? 3 : 2;
    const name = path.slice(0, depth).join(".");
    return this.#resources.has(name) ? this.#attributeOf(name, path.slice(depth), node) : undefined;
  }

  #variable(name: string, rest: readonly (string | number)[]): ReturnType<HclNames> {
    const given = this.#given.get(name);
    if (given === undefined) return this.#named(`var.${name}`, this.#variables.get(name), rest);
    return given.scalar === null ? undefined : { value: this.#asUsed(`var.${name}`, given), rest };
  }

  /** A collection that is used in two places is not edited for the sake of one. */
  #asUsed(name: string, value: HclValue): HclValue {
    return (this.#useCounts.get(name) ?? 0) > 1 ? withoutEntries(value) : value;
  }

  #named(name: string, node: HclNode | undefined, rest: readonly (string | number)[]): ReturnType<HclNames> {
    if (node === undefined || this.#inProgress.has(name)) return undefined;
    this.#inProgress.add(name);
    const value = this.#evaluator({}).value(node);
    this.#inProgress.delete(name);
    return value.scalar === null ? undefined : { value: this.#asUsed(name, value), rest };
  }

  /** What the resource itself says of the attribute; its id, name or arn is stood for by its address. */
  #attributeOf(name: string, rest: readonly (string | number)[], node: HclNode): ReturnType<HclNames> {
    const block = this.#resources.get(name) as HclNode;
    const isMany = ["for_each", "count"].some((key) => this.#attribute(childOf(block, "body"), key) !== undefined);
    const [step] = rest;
    const isIndexed = typeof step === "number" || (isMany && typeof step === "string" && rest.length > 1);
    const key = !isIndexed || step === "*" ? "" : typeof step === "number" ? `[${step}]` : `["${step}"]`;
    const [attribute, ...deeper] = isIndexed ? rest.slice(1) : rest;
    if (typeof attribute === "string" && /^(?:id|name|arn|json|subnet_id|unique_id)$/.test(attribute))
      return { value: { node, scalar: `${this.#prefix}${name}${key}`, isReferred: true }, rest: deeper };
    const written = this.#attribute(childOf(block, "body"), String(attribute ?? ""));
    if (written === undefined || isMany) return undefined;
    return this.#named(`${name}.${attribute}`, written, deeper);
  }

  #slice(node: HclNode): string {
    return this.file.text.slice(node.start, node.end);
  }
}

type Scope = Readonly<Record<string, HclValue>>;

function child(value: HclValue): HclChild {
  return { value, entry: undefined };
}

/** The raw value of an argument of the block, for what Placed does not show: encoded texts. */
export function argument(value: HclValue, ...path: readonly (string | number)[]): HclValue | undefined {
  let found: HclValue | undefined = value;
  for (const key of path) found = typeof key === "number" ? found?.list?.[key]?.value : found?.map?.get(key)?.value;
  return found === undefined || !(isKnown(found) || found.frame !== undefined || found.encoded !== undefined)
    ? undefined
    : found;
}
