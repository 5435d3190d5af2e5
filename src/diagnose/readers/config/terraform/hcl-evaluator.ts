// The value of an HCL expression as far as the file itself tells it: literals, collections, templates, variables with defaults,
// locals, attributes of resources of the same file. What depends on anything else is unknown, never guessed.

import type { TextFrame, TextRange } from "../../../../text/text-frame.ts";
import { callFunction } from "./hcl-functions.ts";
import { heredocText, quotedText } from "./hcl-text.ts";
import { childOf, type HclNode } from "./hcl-tree.ts";
import { type HclChild, type HclValue, isKnown, unknownValue } from "./hcl-values.ts";

/** What names stand for: `var.x`, `local.x`, `each.key`, `aws_subnet.a.id`. Gets the whole traversal, gives what is left of it. */
export type HclNames = (
  path: readonly (string | number)[],
  node: HclNode,
) => { readonly value: HclValue; readonly rest: readonly (string | number)[] } | undefined;

const DEPTH_MAX = 200;

export class HclEvaluator {
  readonly #file: TextFrame;
  readonly #names: HclNames;
  #depth = 0;

  constructor(file: TextFrame, names: HclNames) {
    this.#file = file;
    this.#names = names;
  }

  value(node: HclNode): HclValue {
    if (this.#depth >= DEPTH_MAX) return unknownValue(node);
    this.#depth++;
    const value = this.#value(node);
    this.#depth--;
    return value;
  }

  #value(node: HclNode): HclValue {
    switch (node.kind) {
      case "expression":
        return this.#expression(node);
      case "literal_value":
      case "collection_value":
      case "template_expr": {
        const inner = node.children[0];
        return inner === undefined ? this.#literal(node) : this.value(inner);
      }
      case "string_lit":
      case "quoted_template":
      case "heredoc_template":
        return this.#text(node);
      case "numeric_lit":
      case "bool_lit":
      case "null_lit":
        return this.#literal(node);
      case "object":
        return { node, map: this.#object(node) };
      case "tuple":
        return { node, list: this.#tuple(node) };
      case "variable_expr":
        return this.#traversal(node, [node]);
      case "function_call":
        return this.#call(node);
      case "conditional":
        return this.#conditional(node);
      case "operation":
        return this.#operation(node);
      default:
        return unknownValue(node);
    }
  }

  /** `base`, or `base.attribute[0]`, or `(expression)`. */
  #expression(node: HclNode): HclValue {
    const [base, ...steps] = node.children;
    if (base === undefined) return unknownValue(node);
    if (steps.length === 0) return this.value(base);
    if (base.kind === "variable_expr") return this.#traversal(node, node.children);
    return this.#descend(this.value(base), this.#path(steps), node);
  }

  #traversal(node: HclNode, parts: readonly HclNode[]): HclValue {
    const [first, ...steps] = parts;
    const path = [first === undefined ? "" : this.#slice(first), ...this.#path(steps)];
    const found = this.#names(path, node);
    return found === undefined ? unknownValue(node) : this.#descend(found.value, found.rest, node);
  }

  #path(steps: readonly HclNode[]): (string | number)[] {
    return steps.map((step) => {
      if (step.kind === "get_attr") return this.#slice(step.children[0] ?? step);
      const expression = step.kind === "index" ? step.children[0]?.children[0] : undefined;
      const key = expression === undefined ? undefined : this.value(expression).scalar;
      return typeof key === "string" || typeof key === "number" ? key : "*";
    });
  }

  #descend(value: HclValue, path: readonly (string | number)[], node: HclNode): HclValue {
    let found: HclValue | undefined = value;
    for (const key of path) found = typeof key === "number" ? found?.list?.[key]?.value : found?.map?.get(key)?.value;
    if (found === undefined || !isReadable(found)) return unknownValue(node);
    // A collection keeps its own place, so that its entries are found where they are written.
    return found.map !== undefined || found.list !== undefined || found.encoded !== undefined
      ? found
      : { ...found, node, isReferred: true };
  }

  #literal(node: HclNode): HclValue {
    const text = this.#slice(node);
    if (text === "true" || text === "false") return { node, scalar: text === "true" };
    if (text === "null") return { node, scalar: null };
    const number = Number(text);
    return Number.isFinite(number) ? { node, scalar: number } : unknownValue(node);
  }

  #text(node: HclNode): HclValue {
    const resolve = (interpolation: HclNode): string | undefined => {
      const expression = childOf(interpolation, "expression");
      const scalar = expression === undefined ? undefined : this.value(expression).scalar;
      return scalar === undefined || scalar === null ? undefined : String(scalar);
    };
    const read = node.kind === "heredoc_template" ? heredocText : quotedText;
    const { text, frame } = read(this.#file, node, resolve);
    return text === undefined ? { node, frame } : { node, scalar: text, frame };
  }

  #object(node: HclNode): ReadonlyMap<string, HclChild> {
    const map = new Map<string, HclChild>();
    const elements = node.children.filter((child) => child.kind === "object_elem");
    for (const [index, element] of elements.entries()) {
      const [key, value] = element.children;
      const name = key === undefined ? undefined : this.#key(key);
      if (name === undefined || value === undefined) continue;
      map.set(name, { value: this.value(value), entry: this.#entry(elements, index, node) });
    }
    return map;
  }

  /** A bare word is its own name; anything else counts by its value. */
  #key(node: HclNode): string | undefined {
    const only = node.children.length === 1 ? node.children[0] : undefined;
    if (only?.kind === "variable_expr" && this.#slice(node) === this.#slice(only)) return this.#slice(node);
    const { scalar } = this.value(node);
    return scalar === undefined || scalar === null ? undefined : String(scalar);
  }

  #tuple(node: HclNode): HclChild[] {
    const elements = node.children.filter((child) => child.kind === "expression");
    return elements.map((element, index) => ({
      value: this.value(element),
      entry: this.#entry(elements, index, node),
    }));
  }

  /** Whole lines where an element has them to itself, else with the comma after it, or before it when it is the last. */
  #entry(elements: readonly HclNode[], index: number, parent: HclNode): TextRange | undefined {
    const { text } = this.#file;
    const own = elements[index] as HclNode;
    const lineStart = text.lastIndexOf("\n", own.start - 1) + 1;
    const rest = /[ \t]*,?[ \t]*(?:(?:#|\/\/)[^\n]*)?\r?\n/y;
    rest.lastIndex = own.end;
    const isAlone = text.slice(lineStart, own.start).trim() === "" && rest.test(text);
    if (isAlone && lineStart > parent.start) return { start: lineStart, end: rest.lastIndex };
    const [before, after] = [elements[index - 1], elements[index + 1]];
    const range =
      after !== undefined
        ? { start: own.start, end: after.start }
        : { start: before === undefined ? own.start : before.end, end: own.end };
    const gap = after !== undefined ? text.slice(own.end, range.end) : text.slice(range.start, own.start);
    return /^\s*,?\s*$/.test(gap) && !(after !== undefined && gap.includes("\n")) ? range : undefined;
  }

  #call(node: HclNode): HclValue {
    const name = childOf(node, "identifier");
    const args = childOf(node, "function_arguments")?.children ?? [];
    if (name === undefined || args.some((argument) => argument.kind !== "expression")) return unknownValue(node);
    const values = args.map((argument) => this.value(argument));
    return callFunction(this.#slice(name), values, node);
  }

  #conditional(node: HclNode): HclValue {
    const [test, yes, no] = node.children;
    const decided = test === undefined ? undefined : this.value(test).scalar;
    const taken = decided === true ? yes : decided === false ? no : undefined;
    return taken === undefined ? unknownValue(node) : this.value(taken);
  }

  #operation(node: HclNode): HclValue {
    const inner = node.children[0];
    const operands = inner?.children.map((child) => this.value(child).scalar) ?? [];
    const known = operands.every((one) => one !== undefined);
    if (inner === undefined || !known) return unknownValue(node);
    const [first, second] = operands;
    if (inner.kind === "unary_operation") {
      if (this.#slice(inner).startsWith("!")) return typeof first === "boolean" ? { node, scalar: !first } : { node };
      return typeof first === "number" ? { node, scalar: -first } : { node };
    }
    const [left, right] = inner.children;
    if (left === undefined || right === undefined || operands.length !== 2) return unknownValue(node);
    const result = operate(this.#file.text.slice(left.end, right.start).trim(), first, second);
    return result === undefined ? { node } : { node, scalar: result, isReferred: true };
  }

  #slice(node: HclNode): string {
    return this.#file.text.slice(node.start, node.end);
  }
}

function isReadable(value: HclValue): boolean {
  return isKnown(value) || value.frame !== undefined || value.encoded !== undefined;
}

function operate(operator: string, left: unknown, right: unknown): string | number | boolean | undefined {
  if (operator === "==") return left === right;
  if (operator === "!=") return left !== right;
  if (typeof left === "boolean" && typeof right === "boolean")
    return operator === "&&" ? left && right : operator === "||" ? left || right : undefined;
  if (typeof left !== "number" || typeof right !== "number") return undefined;
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return right === 0 ? undefined : left / right;
    case ">":
      return left > right;
    case "<":
      return left < right;
    case ">=":
      return left >= right;
    case "<=":
      return left <= right;
    default:
      return undefined;
  }
}
